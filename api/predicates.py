"""The closed set of predicates that a policy's rules are made of: what each asks, what it takes, whom it speaks for.

`speaks` is what keeps policies monotone: a predicate that speaks *against* an account holds for as much evidence
or more, one that speaks *for* it for as little or less. A rule that raises a tier takes the former as they are and the
latter under `not`; one that protects, the other way round (api.expressions). One that speaks for *neither* is for
rules that only tell, and for questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from api.clock import DAY
from api.evidence import GRAVE, Evidence, genuine_at
from api.parameters import Parameters

Test = Callable[[Evidence], bool]
Setting = Literal["setting"]
Yes = Literal[True]
Grave = Literal["registered_by_tool", "whole_history_ai"]
Finding = Literal["ai_hosted", "registered_by_tool", "whole_history_ai"]
MOST_PEOPLE = 50  # that a rule can ask for; of strikes too
Count = Annotated[int, Field(strict=True, ge=1, le=MOST_PEOPLE)]
Days = Annotated[int, Field(strict=True, ge=1, le=36_500)]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class _Takes(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Reviewers(_Takes):
    """How many different people must have decided so."""

    decision: Finding
    people: Count


class Agreement(_Takes):
    """Which grave condition, and how many people; never fewer than `reviews.agreeing`."""

    decision: Grave | None = None
    people: Count | None = None


class Bounds(_Takes):
    """What a network must be. What is left out is as the section `network` says."""

    roles: list[Literal["core", "periphery"]] | None = Field(default=None, min_length=1)
    min_stability: Share | None = None
    min_size: Annotated[int, Field(ge=2)] | None = None
    min_density: Share | None = None
    min_days: Annotated[int, Field(ge=0)] | None = None


class ScoreBound(_Takes):
    """A score's target, and from where on."""

    target: Literal["coordinated", "ai_hosted"]
    at_least: Share


class TextBound(_Takes):
    """Which share of how many texts."""

    share: Annotated[float, Field(gt=0.5, le=1)]
    min_scored: Annotated[int, Field(ge=5)]


@dataclass(frozen=True)
class Predicate:
    """One question about an account. `family`: what it is evidence of, if it is; `takes`: the type of its parameter."""

    name: str
    asks: str
    speaks: Literal["against", "for", "neither"]
    family: tuple[str, ...]
    takes: Any
    build: Callable[[Any, Parameters], Test]
    adapter: TypeAdapter[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the check of its parameter."""
        object.__setattr__(self, "adapter", TypeAdapter(self.takes))


def _label(value: Any, _policy: Parameters) -> Test:
    wanted = frozenset([value] if isinstance(value, str) else value)
    return lambda e: not wanted.isdisjoint(e.labels)


def _reviews_agree(value: Any, policy: Parameters) -> Test:
    conditions = GRAVE if value == "setting" or value.decision is None else (value.decision,)
    asked = None if value == "setting" else value.people
    people = max(policy.reviews.agreeing, asked or 0)
    if conditions == GRAVE and people == policy.reviews.agreeing:
        return lambda e: e.agreed
    return lambda e: any(e.reviewers.get(c, 0) >= people for c in conditions)


def _in_network(value: Any, policy: Parameters) -> Test:
    if value == "setting":
        return lambda e: e.strong
    rules = policy.network
    roles = frozenset(value.roles or rules.roles)
    stability = rules.min_stability if value.min_stability is None else value.min_stability
    size = rules.min_size if value.min_size is None else value.min_size
    density, days = value.min_density, value.min_days or 0

    def test(e: Evidence) -> bool:
        m = e.member
        if m is None or m.role not in roles or m.stability < stability or m.size < size or m.days < days:
            return False
        return density is None or (m.density is not None and m.density >= density)

    return test


def _score(value: Any, _policy: Parameters) -> Test:
    if value == "setting":

        def test(e: Evidence) -> bool:
            if e.score is None:
                return False
            threshold = e.score_threshold
            return threshold is not None and e.score >= threshold

        return test
    return lambda e: e.score is not None and e.facts.score_target == value.target and e.score >= value.at_least


def _text(value: Any, policy: Parameters) -> Test:
    share = policy.texts.watch_share if value == "setting" else value.share
    scored = policy.texts.min_scored if value == "setting" else value.min_scored
    if share is None:
        return lambda _e: False
    return lambda e: e.text_share is not None and e.text_share >= share and e.facts.texts_scored >= scored


def _organic(value: Any, policy: Parameters) -> Test:
    least = policy.protections.organic_share if value == "setting" else value

    def test(e: Evidence) -> bool:
        f = e.facts
        return not f.in_window or f.organic_share is None or f.organic_share >= least

    return test


def _verified(value: Any, _policy: Parameters) -> Test:
    if value is True:
        return lambda e: e.facts.verified_role is not None
    roles = frozenset([value] if isinstance(value, str) else value)
    return lambda e: e.facts.verified_role in roles


def _network_role(value: Any, policy: Parameters) -> Test:
    roles = frozenset(policy.protections.roles if value == "setting" else value)
    return lambda e: e.facts.network is not None and e.facts.network.role in roles


def _genuine(value: Any, _policy: Parameters) -> Test:
    def test(e: Evidence) -> bool:
        at = genuine_at(e.facts)
        return at is not None and e.facts.as_of - at <= value * DAY

    return test


def _strikes(value: Any, policy: Parameters) -> Test:
    least = policy.occasional.restrict_after if value == "setting" else value
    return lambda e: e.occasions >= least


def _families(value: Any, policy: Parameters) -> Test:
    least = policy.ban.families if value == "setting" else value
    return lambda e: len(e.families) >= least


_AGAINST: Literal["against"] = "against"
_FOR: Literal["for"] = "for"
_ALL = (
    Predicate(
        "platform_fact",
        "The platform itself states it: `hosting_tool` is a registration client that `hosting_tools` lists.",
        _AGAINST,
        ("platform",),
        Literal["hosting_tool"],
        lambda _v, _p: lambda e: e.client,
    ),
    Predicate(
        "label",
        "The platform gave one of these labels, surely enough (`labels.min_confidence`), and after the account was "
        "last found genuine.",
        _AGAINST,
        ("platform",),
        Finding | Annotated[list[Finding], Field(min_length=1)],
        _label,
    ),
    Predicate(
        "reviews_at_least",
        "So many different people decided so and have not taken it back.",
        _AGAINST,
        ("review",),
        Reviewers,
        lambda v, _p: lambda e: e.reviewers.get(v.decision, 0) >= v.people,
    ),
    Predicate(
        "reviews_agree",
        "So many different people agree on one grave condition (`setting`: `reviews.agreeing`, and any of the two).",
        _AGAINST,
        ("review",),
        Setting | Agreement,
        _reviews_agree,
    ),
    Predicate(
        "strikes_at_least",
        "Findings of AI hosting, `occasional.occasion_days` apart, none older than `occasional.strike_days` "
        "(`setting`: `occasional.restrict_after`).",
        _AGAINST,
        ("platform", "review"),
        Setting | Count,
        _strikes,
    ),
    Predicate(
        "families_at_least",
        "Independent families of evidence: platform, review, network (`setting`: `ban.families`).",
        _AGAINST,
        (),
        Setting | Annotated[int, Field(strict=True, ge=1, le=3)],
        _families,
    ),
    Predicate(
        "in_network",
        "A member of a network of the run that is not too old, within bounds (`setting`: all as in `network`).",
        _AGAINST,
        ("network",),
        Setting | Bounds,
        _in_network,
    ),
    Predicate(
        "near_network",
        "In any network of the run that is not too old, whatever its role, size or stability.",
        _AGAINST,
        ("network",),
        Yes,
        lambda _v, _p: lambda e: e.member is not None,
    ),
    Predicate(
        "score_at_least",
        "The GNN's score, of the run that is not too old (`setting`: `network.watch_score` of its target).",
        _AGAINST,
        ("network",),
        Setting | ScoreBound,
        _score,
    ),
    Predicate(
        "text_score_at_least",
        "What a model of texts expects of its public texts (`setting`: as in `texts`). No evidence: a question.",
        _AGAINST,
        ("text",),
        Setting | TextBound,
        _text,
    ),
    Predicate(
        "declared_automation",
        "It declares that a tool posts for it.",
        _FOR,
        (),
        Yes,
        lambda _v, _p: lambda e: e.facts.declared_automation,
    ),
    Predicate(
        "verified_role",
        "The platform verified its role (`true`: any role; or one, or a list of roles).",
        _FOR,
        (),
        Yes
        | Annotated[str, Field(strict=True, min_length=1)]
        | Annotated[list[Annotated[str, Field(strict=True)]], Field(min_length=1)],
        _verified,
    ),
    Predicate(
        "organic_share_at_least",
        "Share of its objects outside any coordination; one that is not known, or not of this window, counts as "
        "all (`setting`: `protections.organic_share`).",
        _FOR,
        (),
        Setting | Share,
        _organic,
    ),
    Predicate(
        "inactive",
        "It did nothing in the data window.",
        _FOR,
        (),
        Yes,
        lambda _v, _p: lambda e: not e.facts.in_window,
    ),
    Predicate(
        "network_role",
        "Its role in a network, of whatever age, is one of these (`setting`: `protections.roles`).",
        _FOR,
        (),
        Setting | Annotated[list[Literal["followed", "bridge"]], Field(min_length=1)],
        _network_role,
    ),
    Predicate(
        "found_genuine_within",
        "It was found genuine within so many days.",
        _FOR,
        (),
        Days,
        _genuine,
    ),
    Predicate(
        "signals_stale",
        "There is a network or a score, but the run is older than `network.max_run_age_days`, so they do not count.",
        "neither",  # what is stale was evidence: without it there would be less, and nothing stale
        (),
        Yes,
        lambda _v, _p: lambda e: e.stale and (e.facts.network is not None or e.facts.score is not None),
    ),
)
PREDICATES: dict[str, Predicate] = {p.name: p for p in _ALL}
