"""The shipped policy, read plainly: how `judge` was written out in Python before its rules became data.

Kept as it was, so that the engine can be compared with it fact by fact (test_policy_rules).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from api.facts import AccountFacts, LabelFact, ReviewFact
from api.policy import DAY, GRAVE, Judgement, Reason, rank
from api.rules import Policy


@dataclass
class _Case:
    """Evidence gathered so far."""

    reasons: list[Reason] = field(default_factory=list)
    platform_grave: set[str] = field(default_factory=set)
    review_grave: dict[str, int] = field(default_factory=dict)
    occasions: int = 0
    platform: bool = False
    network: bool = False
    suspicion: bool = False
    text: bool = False

    def say(self, code: str, family: str | None, text: str) -> None:
        self.reasons.append(Reason(code, family, text))


def judge(facts: AccountFacts, policy: Policy) -> Judgement:
    """Conclude a tier from facts.

    Above `watch` only by a platform fact, a platform label or a person's review; `ban` only by a grave condition
    (registered by a tool, or whole history AI-made) that the platform states or enough reviewers agree on, and
    evidence of as many independent families as the policy asks for. Missing facts never raise a tier.
    """
    cleared = _cleared(facts, policy)
    if cleared is not None:
        return Judgement("none", (cleared,), (), (cleared.code,))
    since = max((s.at for s in _genuine(facts)), default=None)
    labels = [x for x in facts.labels if x.label != "genuine" and (since is None or x.at > since)]
    reviews = [r for r in _standing(facts.reviews) if since is None or r.at > since]
    case = _Case()
    _read_platform(case, facts, labels, policy)
    _read_reviews(case, reviews)
    _read_occasions(case, facts, labels, reviews, policy)
    _read_network(case, facts, policy)
    _read_text(case, facts, policy)
    tier, families = _tier(case, policy)
    return _cap(case, facts, tier, families, policy)


def _genuine(facts: AccountFacts) -> list[LabelFact | ReviewFact]:
    found: list[LabelFact | ReviewFact] = [x for x in facts.labels if x.label == "genuine"]
    latest: dict[str, ReviewFact] = {}
    for review in sorted(facts.reviews, key=lambda r: (r.at, r.decision)):
        latest[review.reviewer] = review
    found.extend(latest[who] for who in sorted(latest) if latest[who].decision == "genuine")
    return found


def _cleared(facts: AccountFacts, policy: Policy) -> Reason | None:
    """A standing finding that the account is genuine, within the cooling-off time."""
    newest = max((s.at for s in _genuine(facts)), default=None)
    if newest is None or facts.as_of - newest > policy.cooling_off_days * DAY:
        return None
    return Reason(
        "found_genuine",
        "review",
        f"It was found genuine; no penalty for {policy.cooling_off_days} days after such a finding.",
    )


def _standing(reviews: tuple[ReviewFact, ...]) -> list[ReviewFact]:
    """Decisions not taken back: a later `genuine` or `unsure` of the same person voids the earlier ones."""
    void: dict[str, int] = {}
    for review in reviews:
        if review.decision in ("genuine", "unsure"):
            void[review.reviewer] = max(review.at, void.get(review.reviewer, review.at))
    return [r for r in reviews if r.decision not in ("genuine", "unsure") and r.at > void.get(r.reviewer, r.at - 1)]


def _read_platform(case: _Case, facts: AccountFacts, labels: list[LabelFact], policy: Policy) -> None:
    client = facts.registration_client
    if client is not None and client in policy.hosting_tools:
        case.platform_grave.add("registered_by_tool")
        case.say(
            "hosting_tool", "platform", f"It was registered through {client}, which the policy lists as a hosting tool."
        )
    given = {x.label for x in labels}
    if "registered_by_tool" in given:
        case.platform_grave.add("registered_by_tool")
        case.say("label_registered_by_tool", "platform", "The platform labelled it as registered by a hosting tool.")
    if "whole_history_ai" in given:
        case.platform_grave.add("whole_history_ai")
        case.say("label_whole_history_ai", "platform", "The platform labelled its whole history as made by AI.")
    if "ai_hosted" in given:
        case.say("label_ai_hosted", "platform", "The platform labelled it as hosted by AI.")
    case.platform = bool(case.platform_grave or given)


def _read_reviews(case: _Case, reviews: list[ReviewFact]) -> None:
    for condition, what in zip(GRAVE, ("registered by a hosting tool", "AI-made over its whole history"), strict=True):
        people = {r.reviewer for r in reviews if r.decision == condition}
        if people:
            case.review_grave[condition] = len(people)
            told = "One reviewer" if len(people) == 1 else f"{len(people)} reviewers"
            case.say(f"review_{condition}", "review", f"{told} judged it {what}.")
    people = {r.reviewer for r in reviews if r.decision == "ai_hosted"}
    if people:
        told = "One reviewer" if len(people) == 1 else f"{len(people)} reviewers"
        case.say("review_ai_hosted", "review", f"{told} judged it hosted by AI on occasion.")


def _read_occasions(
    case: _Case, facts: AccountFacts, labels: list[LabelFact], reviews: list[ReviewFact], policy: Policy
) -> None:
    """Count occasions of AI hosting: findings at least `occasion_days` apart, none older than `strike_days`."""
    oldest = facts.as_of - policy.occasional.strike_days * DAY
    times = sorted([x.at for x in labels if x.at >= oldest] + [r.at for r in reviews if r.at >= oldest])
    started: int | None = None
    for at in times:
        if started is None or at - started >= policy.occasional.occasion_days * DAY:
            case.occasions += 1
            started = at
    if case.occasions > 1:
        case.say("repeated", None, f"This was found on {case.occasions} separate occasions.")


def _read_network(case: _Case, facts: AccountFacts, policy: Policy) -> None:
    if facts.network is None and facts.score is None:
        return
    rules = policy.network
    if facts.run_age_days > rules.max_run_age_days:
        case.say(
            "stale",
            None,
            f"The run is older than {rules.max_run_age_days} days, so its networks and scores do not count.",
        )
        return
    member = facts.network
    if member is not None:
        case.suspicion = True
        told = f"a network of {member.size} accounts that acted together on {member.days} days"
        if member.role in rules.roles and member.stability >= rules.min_stability and member.size >= rules.min_size:
            case.network = True
            case.say("network_member", "network", f"It is a {member.role} member of {told}.")
        else:
            case.say(
                "network_weak",
                "network",
                f"It is near {told} (role {member.role}, stability {member.stability:.2f}); that alone counts little.",
            )
    thresholds: dict[str, float] = {str(k): v for k, v in rules.watch_score.items()}
    threshold = thresholds.get(facts.score_target or "")
    if facts.score is not None and threshold is not None and facts.score >= threshold:
        case.suspicion = True
        case.say(
            "score",
            "network",
            f"The model gives at least {threshold:g} that it is {_TARGETS[facts.score_target or '']}.",
        )


def _read_text(case: _Case, facts: AccountFacts, policy: Policy) -> None:
    """A question for a person: what tells texts apart does not transfer to other kinds, and people write alike."""
    rules, share = policy.texts, facts.text_share
    if share is None or rules.watch_share is None or facts.run_age_days > policy.network.max_run_age_days:
        return
    if share >= rules.watch_share and facts.texts_scored >= rules.min_scored:
        case.text = True
        case.say(
            "text",
            "text",
            f"A model of texts expects at least {rules.watch_share:.0%} of its public texts to be AI-made; "
            "that is a question, and no evidence.",
        )


_TARGETS = {"coordinated": "coordinated with others", "ai_hosted": "hosted by AI"}


def _tier(case: _Case, policy: Policy) -> tuple[str, tuple[str, ...]]:
    reviewed = bool(case.review_grave) or any(r.family == "review" for r in case.reasons)
    families = tuple(
        name for name, found in (("platform", case.platform), ("review", reviewed), ("network", case.network)) if found
    )
    agreed = any(n >= policy.reviews.agreeing for n in case.review_grave.values())
    grave = bool(case.platform_grave) or agreed
    if grave and len(families) >= policy.ban.families:
        return "ban", families
    if grave or (case.review_grave and case.network) or case.occasions >= policy.occasional.restrict_after:
        return "restrict", families
    if case.occasions:
        return "warn", families
    return ("watch" if case.suspicion or case.text else "none"), families


def _cap(case: _Case, facts: AccountFacts, tier: str, families: tuple[str, ...], policy: Policy) -> Judgement:
    """Hold the tier at `watch` where something protects the account."""
    found = _protections(facts, any(n >= policy.reviews.agreeing for n in case.review_grave.values()), policy)
    strengths = _strengths(case, families, policy)
    reasons = (*case.reasons, *found) if tier != "none" else tuple(case.reasons)
    if found and rank(tier) > rank("watch"):
        wanted = "Evidence against it stands beside something that protects it: " + found[0].text
        return Judgement("watch", reasons, families, tuple(r.code for r in found), wanted, strengths)
    wanted_text: str | None = None
    if tier == "watch" and not case.suspicion:
        wanted_text = "Only the way it writes speaks against it, which proves nothing: a person should look."
    elif tier == "watch":
        wanted_text = "Only coordination speaks against it: a person should look before anything is done."
    elif tier == "restrict" and not case.network and (case.platform_grave or case.review_grave):
        wanted_text = "One family of evidence says it is AI-made; another is wanted before more is done."
    elif tier in ("warn", "restrict") and case.review_grave:
        wanted_text = "A second reviewer is wanted."
    return Judgement(tier, reasons, families, tuple(r.code for r in found), wanted_text, strengths)


def _strengths(case: _Case, families: tuple[str, ...], policy: Policy) -> tuple[tuple[str, str], ...]:
    found = []
    if "platform" in families:
        found.append(("platform", "strong" if case.platform_grave else "weak"))
    if "review" in families:
        agreed = any(n >= policy.reviews.agreeing for n in case.review_grave.values())
        found.append(("review", "strong" if agreed else "weak"))
    if case.suspicion:
        found.append(("network", "strong" if case.network else "weak"))
    return tuple(found)


def _protections(facts: AccountFacts, agreed: bool, policy: Policy) -> list[Reason]:
    rules, found = policy.protections, []

    def held(how: str) -> bool:
        return how == "always" or (how == "until_reviewed" and not agreed)

    if facts.protected:
        found.append(Reason("protected", None, "It is on the list of protected accounts."))
    if not facts.facts_complete:
        found.append(
            Reason("facts_missing", None, "What could protect it is not known yet; the next publication judges it.")
        )
    if not facts.in_window and held(rules.no_behaviour):
        found.append(
            Reason("no_behaviour", None, "It did nothing in the data window, so its present behaviour is not known.")
        )
    if facts.declared_automation and held(rules.declared_automation):
        found.append(Reason("declared_automation", None, "It declares that a tool posts for it."))
    if facts.verified_role is not None and held(rules.verified_role):
        found.append(Reason("verified_role", None, f"The platform verified its role: {facts.verified_role}."))
    share = facts.organic_share
    if facts.in_window and (share is None or share >= rules.organic_share) and held(rules.organic_history):
        told = "unknown" if share is None else f"{share:.0%}"
        found.append(Reason("organic_history", None, f"The share of its history outside any coordination is {told}."))
    member = facts.network
    if member is not None and member.role in rules.roles and held(rules.shadowed):
        found.append(
            Reason("shadowed", None, f"Others may be trailing it (role {member.role}): it may be their victim.")
        )
    return found
