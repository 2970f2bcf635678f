"""Judging: what the facts about an account lead to under a policy. A pure function.

`judge` reads no clock, no store and no account id: the same facts under the same policy give the same judgement,
whatever the account is called. What speaks against an account, what protects it and when a person is asked are rules
of the policy file (api.ruleset), over a closed set of predicates (api.predicates). What no file can relax is in
api.ceilings, and here: a finding of `genuine` clears, a protected account and one whose facts are incomplete stay at
`watch`.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.ceilings import WATCH, ceiling
from api.clock import DAY
from api.evidence import GRAVE, Evidence, genuine_at
from api.facts import AccountFacts
from api.rules import Policy
from api.ruleset import TIERS, RuleSet

__all__ = ["GRAVE", "TIERS", "Judgement", "Reason", "judge", "rank"]


def rank(tier: str) -> int:
    """Place of a tier: none 0, watch 1, warn 2, restrict 3, ban 4."""
    return TIERS.index(tier)


@dataclass(frozen=True)
class Reason:
    """One sentence of why, with a code for machines and the family of evidence it belongs to."""

    code: str
    family: str | None
    text: str


@dataclass(frozen=True)
class Judgement:
    """What the policy concludes.

    `families` count as independent of one another; `strengths`: how much each weighs (Evidence.strengths).
    `protections` are codes of what can hold a tier down; `review` says why a person should look.
    """

    tier: str
    reasons: tuple[Reason, ...] = ()
    families: tuple[str, ...] = ()
    protections: tuple[str, ...] = ()
    review: str | None = None
    strengths: tuple[tuple[str, str], ...] = ()


def judge(facts: AccountFacts, policy: Policy) -> Judgement:
    """Conclude a tier from facts: the highest of the rules that hold, no higher than the evidence's ceiling.

    What protects the account then holds it at `watch`. Missing facts never raise a tier.
    """
    since = genuine_at(facts) if facts.labels or facts.reviews else None
    if since is not None and facts.as_of - since <= policy.cooling_off_days * DAY:
        told = f"It was found genuine; no penalty for {policy.cooling_off_days} days after such a finding."
        return Judgement("none", (Reason("found_genuine", "review", told),), (), ("found_genuine",))
    e, rules = Evidence(facts, policy, since), policy.compiled
    wanted, reasons = 0, []
    for rule in rules.evidence:
        if rule.holds(e):
            wanted = max(wanted, rule.rank)
            if rule.said is not None:
                reasons.append(Reason(rule.name, rule.family, rule.said(e)))
    most = ceiling(e)
    if wanted > most:
        reasons.append(Reason("ceiling", None, f"No policy gives more than {TIERS[most]} for this evidence."))
        wanted = most
    return _held(e, rules, TIERS[wanted], reasons)


def _held(e: Evidence, rules: RuleSet, tier: str, reasons: list[Reason]) -> Judgement:
    """Hold the tier at `watch` where something protects the account."""
    found = _protections(e, rules)
    codes = tuple(r.code for r in found)
    if tier == "none":
        return Judgement(tier, tuple(reasons), e.families, codes, None, e.strengths)
    all_reasons = (*reasons, *found)
    if found and rank(tier) > WATCH:
        asked = "Evidence against it stands beside something that protects it: " + found[0].text
        return Judgement("watch", all_reasons, e.families, codes, asked, e.strengths)
    for question in rules.questions:
        if tier in question.at and question.holds(e):
            return Judgement(tier, all_reasons, e.families, codes, question.said(e), e.strengths)
    return Judgement(tier, all_reasons, e.families, codes, None, e.strengths)


def _protections(e: Evidence, rules: RuleSet) -> list[Reason]:
    found: list[Reason] = []
    if e.facts.protected:
        found.append(Reason("protected", None, "It is on the list of protected accounts."))
    if not e.facts.facts_complete:
        found.append(
            Reason("facts_missing", None, "What could protect it is not known yet; the next publication judges it.")
        )
    held: set[str] = set()
    for rule in rules.protections:
        if rule.holds(e) and held.isdisjoint(rule.unless):
            held.add(rule.name)
            found.append(Reason(rule.name, None, rule.said(e)))
    return found
