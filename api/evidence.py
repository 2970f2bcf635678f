"""What the facts about one account amount to, under the policy's parameters. Gathered once; every predicate reads it.

Evidence comes in three families that count as independent of one another: `platform` (what the platform itself
knows), `review` (what people judged) and `network` (clusters and the GNN's score, which is learned from them and so is
never a second witness). What a model of texts says is told as `text`, which is no family. Which families there are
is decided here, in code: no rule of a policy can make a family of something else.
"""

from __future__ import annotations

from api.clock import DAY
from api.facts import AccountFacts, LabelFact, NetworkFact, ReviewFact
from api.parameters import Parameters

GRAVE = ("registered_by_tool", "whole_history_ai")


class Evidence:
    """Facts, read: what stands after findings of `genuine`, who agrees, which families there are.

    `member`, `score` and `text_share` are None where the run is too old for them to count (`stale`).
    """

    __slots__ = (
        "agreed",
        "client",
        "facts",
        "families",
        "labels",
        "member",
        "occasions",
        "platform_grave",
        "policy",
        "review_grave",
        "reviewers",
        "score",
        "stale",
        "strong",
        "text_share",
    )

    def __init__(self, facts: AccountFacts, policy: Parameters, since: int | None) -> None:
        self.facts, self.policy = facts, policy
        labels = [x for x in facts.labels if x.label != "genuine" and (since is None or x.at > since)]
        reviews = [r for r in standing(facts.reviews) if since is None or r.at > since]
        self.labels = frozenset(x.label for x in labels)
        self.client = facts.registration_client in policy.hosting_tools
        self.platform_grave = self.client or not self.labels.isdisjoint(GRAVE)
        self.reviewers = _people(reviews)
        graves = [self.reviewers.get(condition, 0) for condition in GRAVE]
        self.review_grave = max(graves) > 0
        self.agreed = max(graves) >= policy.reviews.agreeing
        self.occasions = _occasions(facts.as_of, labels, reviews, policy) if labels or reviews else 0
        rules = policy.network
        self.stale = facts.run_age_days > rules.max_run_age_days
        member: NetworkFact | None = None if self.stale else facts.network
        self.member = member
        self.score = None if self.stale else facts.score
        self.text_share = None if self.stale else facts.text_share
        self.strong = (
            member is not None
            and member.role in rules.roles
            and member.stability >= rules.min_stability
            and member.size >= rules.min_size
        )
        self.families = tuple(
            name
            for name, found in (
                ("platform", self.client or bool(self.labels)),
                ("review", bool(self.reviewers)),
                ("network", self.strong),
            )
            if found
        )

    @property
    def strengths(self) -> tuple[tuple[str, str], ...]:
        """How much each family there is evidence of weighs: `strong`, or `weak`.

        Strong is: a grave condition that the platform states; a grave condition that enough reviewers agree on; a
        membership that counts as a family. Other memberships, and scores of at least `watch_score`, are told as weak.
        """
        found = dict.fromkeys(self.families, False)
        if "platform" in found:
            found["platform"] = self.platform_grave
        if "review" in found:
            found["review"] = self.agreed
        threshold = self.score_threshold
        scored = self.score is not None and threshold is not None and self.score >= threshold
        if self.member is not None or scored:
            found["network"] = self.strong
        return tuple((name, "strong" if strong else "weak") for name, strong in found.items())

    @property
    def score_threshold(self) -> float | None:
        """The policy's `watch_score` for the score's target; None where it has none."""
        thresholds: dict[str, float] = self.policy.network.watch_score  # type: ignore[assignment]
        return thresholds.get(self.facts.score_target or "")


def genuine_at(facts: AccountFacts) -> int | None:
    """When the account was last found genuine: by the platform, or by a reviewer who has not decided anew since."""
    found = [x.at for x in facts.labels if x.label == "genuine"]
    if facts.reviews:
        latest: dict[str, ReviewFact] = {}
        for review in sorted(facts.reviews, key=lambda r: (r.at, r.decision)):
            latest[review.reviewer] = review
        found.extend(r.at for r in latest.values() if r.decision == "genuine")
    return max(found, default=None)


def standing(reviews: tuple[ReviewFact, ...]) -> list[ReviewFact]:
    """Decisions not taken back: a later `genuine` or `unsure` of the same person voids the earlier ones."""
    if not reviews:
        return []
    void: dict[str, int] = {}
    for review in reviews:
        if review.decision in ("genuine", "unsure"):
            void[review.reviewer] = max(review.at, void.get(review.reviewer, review.at))
    return [r for r in reviews if r.decision not in ("genuine", "unsure") and r.at > void.get(r.reviewer, r.at - 1)]


def _people(reviews: list[ReviewFact]) -> dict[str, int]:
    """How many different people gave each decision."""
    return {d: len({r.reviewer for r in reviews if r.decision == d}) for d in {r.decision for r in reviews}}


def _occasions(as_of: int, labels: list[LabelFact], reviews: list[ReviewFact], policy: Parameters) -> int:
    """Occasions of AI hosting: findings at least `occasion_days` apart, none older than `strike_days`."""
    oldest, apart = as_of - policy.occasional.strike_days * DAY, policy.occasional.occasion_days * DAY
    count, started = 0, None
    for at in sorted([x.at for x in labels if x.at >= oldest] + [r.at for r in reviews if r.at >= oldest]):
        if started is None or at - started >= apart:
            count += 1
            started = at
    return count
