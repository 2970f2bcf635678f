"""What no policy can relax, whatever its rules say: checked when a policy is loaded, and again at each judgement.

    above watch   a hosting tool that the platform names, a platform label, or a person's review
    restrict      a grave condition by a platform fact or label; or enough reviewers who agree on one; or two
                  independent families of evidence; or two occasions
    ban           a grave condition by a platform fact or label, or by enough reviewers who agree (never fewer than
                  two), and as many independent families as `ban.families` says (never fewer than two)

So membership of a network, a score and what a model of texts says never lead above `watch`, alone or together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from api.clock import DAY
from api.evidence import GRAVE, Evidence
from api.facts import AccountFacts, LabelFact, NetworkFact, ReviewFact
from api.parameters import Parameters
from api.predicates import MOST_PEOPLE
from api.ruleset import TIERS, RuleSet
from api.yamltext import Marked

NONE, WATCH, WARN, RESTRICT, BAN = range(5)
MOST = MOST_PEOPLE + 1  # more than any rule can ask for
_NOW = 4_000_000_000_000_000


def ceiling(e: Evidence) -> int:
    """The highest tier (by its place) that this evidence can lead to."""
    families = len(e.families)
    grave = e.platform_grave or e.agreed
    if grave and families >= max(2, e.policy.ban.families):
        return BAN
    found = e.occasions > 0 or e.platform_grave or e.review_grave
    if grave or (found and families >= 2) or e.occasions >= 2:
        return RESTRICT
    return WARN if found else WATCH


def check(rules: RuleSet, source: Marked, policy: Parameters) -> None:
    """Refuse rules that give somebody more than the ceiling: told when a policy is loaded, not found out later.

    Rules that raise a tier are monotone (api.expressions), so the strongest facts of each weak kind stand for all
    facts of that kind. Raises InputError naming the rule's line and column.
    """
    for what, facts in _probes(policy):
        e = Evidence(facts, policy, None)
        most = ceiling(e)
        for rule in rules.evidence:
            if rule.rank > most and rule.holds(e):
                raise source.error(
                    rule.path,
                    f"the rule {rule.name} gives {TIERS[rule.rank]} {what}; no policy can give more than {TIERS[most]} "
                    "for that",
                )


def _probes(policy: Parameters) -> Iterator[tuple[str, AccountFacts]]:
    """The strongest facts of each kind that stays below a tier, and what that kind is called.

    They are the largest elements of what `ceiling` turns away: monotone rules hold for one of them, or for none there.
    """
    expired = policy.occasional.strike_days + 1
    some = policy.reviews.agreeing - 1
    one, often = [1], [1 + i * policy.occasional.occasion_days for i in range(MOST)]
    labelled, stated = _labels(["ai_hosted"], often), _labels(["ai_hosted", *GRAVE], often)
    agreed = _reviews(dict.fromkeys(("ai_hosted", *GRAVE), MOST), often)
    tool = policy.hosting_tools[0] if policy.hosting_tools else None
    platform = {"labels": stated, "registration_client": tool}
    for network in _strong(policy):
        yield from _each("for a network, a score and texts alone", network)
        doubted = _reviews({"ai_hosted": MOST, **dict.fromkeys(GRAVE, some)}, often)
        yield from _each("without an established grave condition", network, labels=labelled, reviews=doubted)
        old = {"labels": _labels(["ai_hosted"], [expired]), "reviews": _reviews({"ai_hosted": MOST}, [expired])}
        yield from _each("for findings that have expired; ask for strikes_at_least", network, **old)
        if policy.ban.families > 2:
            yield from _each("on two families of evidence", network, **platform)
            yield from _each("on two families of evidence", network, reviews=agreed)
    for network in _below(policy):
        yield from _each("for one label of AI hosting", network, labels=_labels(["ai_hosted"], one))
        single = _reviews({"ai_hosted": MOST, **dict.fromkeys(GRAVE, some)}, one)
        yield from _each("on reviews of one occasion that do not agree", network, reviews=single)
        yield from _each("on the platform's word alone, one family of evidence", network, **platform)
        yield from _each("on reviews alone, one family of evidence", network, reviews=agreed)
        if policy.ban.families > 2:
            yield from _each("on two families of evidence", network, **platform, reviews=agreed)


def _strong(policy: Parameters) -> list[NetworkFact]:
    """The strongest networks that are a family of evidence."""
    return [_network(role) for role in policy.network.roles]


def _below(policy: Parameters) -> list[NetworkFact]:
    """The strongest networks that are none: by their role, or just below one of the bounds."""
    rules = policy.network
    found = [_network(role) for role in ("core", "periphery", "bridge") if role not in rules.roles]
    for role in rules.roles:
        if rules.min_stability > 0:
            found.append(_network(role, stability=math.nextafter(rules.min_stability, 0.0)))
        found.append(_network(role, size=rules.min_size - 1))
    return found


def _each(what: str, network: NetworkFact, **more: object) -> Iterator[tuple[str, AccountFacts]]:
    """The facts with the highest score of each target, and the most that texts can say."""
    base = {"as_of": _NOW, "run_age_days": 0.0, "in_window": True, "organic_share": 0.0, "network": network}
    texts = {"text_share": 1.0, "texts_scored": 10**9}
    for target in ("coordinated", "ai_hosted"):
        yield what, AccountFacts.model_validate({**base, **texts, **more, "score": 1.0, "score_target": target})


def _network(role: str, size: int = 10**9, stability: float = 1.0) -> NetworkFact:
    return NetworkFact(network_id="n", role=role, size=size, days=10**6, stability=stability, density=1.0)


def _labels(names: Sequence[str], days: Sequence[int]) -> tuple[LabelFact, ...]:
    return tuple(LabelFact.model_validate({"label": n, "at": _NOW - d * DAY}) for n in names for d in days)


def _reviews(people: Mapping[str, int], days: Sequence[int]) -> tuple[ReviewFact, ...]:
    """So many people for each decision; one of them on each of the days, the others on the first."""
    found = [(decision, f"p{i}", days[0]) for decision, n in people.items() for i in range(n)]
    found += [(decision, "p0", day) for decision, n in people.items() if n for day in days[1:]]
    return tuple(
        ReviewFact.model_validate({"reviewer": who, "decision": decision, "at": _NOW - day * DAY})
        for decision, who, day in found
    )
