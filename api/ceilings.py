"""What no policy can relax, whatever its rules say: checked when a policy is loaded, and again at each judgement.

    above watch   a hosting tool that the platform names, a platform label, or a person's review
    restrict      a grave condition by a platform fact or label; or enough reviewers who agree on one; or two
                  independent families of evidence; or two occasions
    ban           a grave condition by a platform fact or label, or by enough reviewers who agree (never fewer than
                  two), and as many independent families as `ban.families` says (never fewer than two)

So membership of a network, a score and what a model of texts says never lead above `watch`, alone or together.
"""

from __future__ import annotations

from collections.abc import Iterator

from api.evidence import DAY, Evidence
from api.facts import AccountFacts, LabelFact, NetworkFact, ReviewFact
from api.parameters import Parameters
from api.ruleset import TIERS, RuleSet
from api.yamltext import Marked

NONE, WATCH, WARN, RESTRICT, BAN = range(5)
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

    Rules that raise a tier are monotone (api.expressions), so the strongest facts of a weak kind stand for many facts
    of that kind; not for all, which is why `ceiling` is asked again at each judgement. Raises InputError naming the
    rule's line and column.
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
    """The strongest facts of each weak kind, and what that kind is called."""
    tool = policy.hosting_tools[0] if policy.hosting_tools else None
    tools = ("registered_by_tool", "whole_history_ai")
    for role in ("core", "periphery", "bridge"):
        for target in ("coordinated", "ai_hosted"):
            weak = _weak(role, target)
            yield "for a network, a score and texts alone", weak
            one = (_label("ai_hosted", 1),)
            yield "for one label of AI hosting", _alone(labels=one)
            people = tuple(_review(str(i), d, 1) for i in range(1000) for d in ("ai_hosted",))
            yield (
                "without a grave condition",
                weak.model_copy(update={"labels": _often("ai_hosted"), "reviews": people}),
            )
            single = tuple(_review("one", d, 1) for d in (*tools, "ai_hosted"))
            yield (
                "on one reviewer's word for a grave condition",
                weak.model_copy(update={"labels": _often("ai_hosted"), "reviews": single}),
            )
            yield "on one reviewer's word alone", _alone(reviews=single)
    stated = tuple(label for name in ("ai_hosted", *tools) for label in _often(name))
    yield "on the platform's word alone, one family of evidence", _alone(labels=stated, registration_client=tool)
    agreed = tuple(_review(str(i), d, 1) for i in range(1000) for d in (*tools, "ai_hosted"))
    yield "on reviews alone, one family of evidence", _alone(reviews=agreed)
    if policy.ban.families > 2:
        yield "on two families of evidence", _alone(labels=stated, registration_client=tool, reviews=agreed)


def _alone(**given: object) -> AccountFacts:
    base = {"as_of": _NOW, "run_age_days": 0.0, "in_window": True, "organic_share": 0.0}
    return AccountFacts.model_validate({**base, **given})


def _weak(role: str, target: str) -> AccountFacts:
    network = NetworkFact(network_id="n", role=role, size=10**9, days=10**6, stability=1.0, density=1.0)
    return _alone(network=network, score=1.0, score_target=target, text_share=1.0, texts_scored=10**9)


def _label(name: str, days: int) -> LabelFact:
    return LabelFact.model_validate({"label": name, "at": _NOW - days * DAY})


def _often(name: str) -> tuple[LabelFact, ...]:
    return tuple(_label(name, days) for days in range(1, 3650, 7))


def _review(who: str, decision: str, days: int) -> ReviewFact:
    return ReviewFact.model_validate({"reviewer": who, "decision": decision, "at": _NOW - days * DAY})
