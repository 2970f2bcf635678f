"""What callers are answered: the shapes of every response."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Penalty(BaseModel):
    """What is in force against an account."""

    tier: str
    expires_at: str | None


class Score(BaseModel):
    """A calibrated probability, and of what."""

    value: float
    target: str | None


class ReasonOut(BaseModel):
    """One sentence of why."""

    code: str
    family: str | None
    text: str


class VerdictVersion(BaseModel):
    """One version of a verdict.

    `families`: evidence that counts as independent of one another; `strengths`: `weak` or `strong` of each there is
    any of. `model_sha256`: of the model that scored the run.
    """

    version: int
    tier: str
    reasons: list[ReasonOut]
    families: list[str]
    strengths: dict[str, str]
    protections: list[str]
    network_id: str | None
    score: Score | None
    run_id: str
    model_sha256: str | None
    policy_version: str
    policy_sha256: str
    cause: str
    created_at: str


class CurrentVerdict(VerdictVersion):
    """The newest version, with when it was last confirmed and when it expires."""

    expired: bool
    judged_at: str | None
    expires_at: str | None


class AccountVerdict(BaseModel):
    """An account's present tier (`none` where the verdict expired), its verdict and the penalty in force."""

    account_id: str
    known: bool
    tier: str
    verdict: CurrentVerdict | None
    penalty: Penalty


class NetworkVerdict(BaseModel):
    """A network's present tier (`none` where its verdict expired) and its verdict."""

    network_id: str
    known: bool
    tier: str
    verdict: CurrentVerdict | None


class Batch(BaseModel):
    """One answer per id asked for, in the order asked."""

    verdicts: list[AccountVerdict]


class History(BaseModel):
    """Verdict versions, newest first."""

    versions: list[VerdictVersion]
    next_cursor: str | None


class RebornOut(BaseModel):
    """A banned network that a network may be again: it raises priority, never a tier."""

    banned_network_id: str
    matched_by: list[str]
    p_value: float
    text: str


class NetworkSummary(BaseModel):
    """A network of the current publication."""

    network_id: str
    title: str | None
    tier: str
    size: int
    density: float | None
    stability: float | None
    objects: int | None
    days: int | None
    channels: list[str]
    change: str | None
    parents: list[str]
    reborn: list[RebornOut]
    first_at: str | None
    last_at: str | None
    run_id: str
    policy_version: str
    published_at: str


class NetworkPage(BaseModel):
    """A page of networks."""

    networks: list[NetworkSummary]
    next_cursor: str | None


class MemberOut(BaseModel):
    """A member of a network; `tier` is the account's own."""

    account_id: str
    role: str
    stability: float | None
    tier: str


class Act(BaseModel):
    """Two members acting on one object: a piece of evidence."""

    account_a: str
    account_b: str
    channel: str
    object_id: str
    private: bool
    a_at: str
    b_at: str
    object_accounts: int | None
    text: str


class NetworkDetail(NetworkSummary):
    """A network with a page of its members and its most telling evidence."""

    reasons: list[ReasonOut]
    members: list[MemberOut]
    next_cursor: str | None
    evidence: list[Act]


class SampleOut(BaseModel):
    """Accounts to be reviewed before approval, and how that stands."""

    accounts: list[str]
    reviewed: int
    agreeing: int
    needed: int
    passed: bool


class Fates(BaseModel):
    """How many members would be acted on, and how many are left out."""

    eligible: int
    skipped: int


class CanaryOut(BaseModel):
    """How many targets go first, and how long the action holds after them."""

    targets: int
    hold_hours: int


class WorkOut(BaseModel):
    """The work that an action is expected to make, and the policy's parameters that this rests on."""

    sample_reviews: int
    appeals: int
    hours: float
    minutes_per_review: float
    appeal_share: float


class CapOut(BaseModel):
    """A cap as it stood at the preview: `hit` says whether the whole action would exceed it. No limit: any number."""

    cap: str
    limit: int | None
    used: int
    hit: bool


class ImpactOut(BaseModel):
    """Who an action would hit, what work it would make, and which caps it would reach; as of its preview."""

    tiers: dict[str, Fates]
    roles: dict[str, Fates]
    guards: dict[str, int]
    active_accounts: int
    active_share: float | None
    other_networks: int
    other_networks_named: dict[str, int]
    canary: CanaryOut | None
    work: WorkOut
    caps: list[CapOut]


class OverrideOut(BaseModel):
    """Somebody let this action exceed a cap: up to `targets`, until it expires."""

    override_id: str
    cap: str
    targets: int
    actor: str
    reason: str
    at: str
    expires_at: str


class SwitchOut(BaseModel):
    """The kill switch; while it is set, nothing is executed. `halted`: actions that setting it halted just now."""

    set: bool
    actor: str | None
    reason: str | None
    since: str | None
    halted: list[str] = []


class ActionOut(BaseModel):
    """A network action. `held_for`: why it waits for a person (canary, cap, person, breaker, kill switch)."""

    action_id: str
    network_id: str
    action: str
    reason: str
    state: str
    note: str | None
    proposer: str
    proposed_at: str
    updated_at: str
    digest: str | None
    counts: dict[str, int] | None
    targets_by_state: dict[str, int]
    approvals: list[str]
    approvals_needed: int
    sample: SampleOut | None
    impact: ImpactOut | None
    execute_at: str | None
    executor: str | None
    held_for: str | None
    held_until: str | None
    overrides: list[OverrideOut]


class TargetOut(BaseModel):
    """An account an action meant; `guard` says why it is left out."""

    account_id: str
    tier: str
    prior: str
    guard: str | None
    state: str
    penalty_id: str | None
    notice_id: str | None


class ActionDetail(ActionOut):
    """An action with a page of its targets."""

    targets: list[TargetOut]
    next_cursor: str | None


class ActionPage(BaseModel):
    """A page of actions, newest first."""

    actions: list[ActionOut]
    next_cursor: str | None


class ReviewOut(BaseModel):
    """A recorded review, and the account's tier after it (null before the first publication)."""

    review_id: str
    account_id: str
    decision: str
    tier: str | None


class PolicyEvent(BaseModel):
    """Something a person did to a policy: submitted, withdrawn or activated."""

    event: str
    actor: str
    reason: str
    at: str


class Move(BaseModel):
    """How many accounts have one tier under the policy in use, and another (or the same) under a candidate."""

    before: str
    after: str
    accounts: int


class ShadowOut(BaseModel):
    """How a candidate compares with the policy of a publication: `stricter` of the `changed` would rise."""

    publication_id: int
    active_sha256: str
    judged: int
    changed: int
    stricter: int
    moves: list[Move]
    at: str


class PolicyOut(BaseModel):
    """A policy. `state`: candidate, active, retired, withdrawn, or unsubmitted (a publication took it from a file).

    `published`: whether the present verdicts are under it. `shadow`: at the present publication, if it was compared.
    """

    sha256: str
    version: str
    state: str
    published: bool
    added_at: str
    events: list[PolicyEvent]
    shadow: ShadowOut | None


class PolicyDetail(PolicyOut):
    """A policy with its text."""

    text: str


class PolicyPage(BaseModel):
    """A page of policies, newest first."""

    policies: list[PolicyOut]
    next_cursor: str | None


class ShadowChange(BaseModel):
    """An account that a candidate would judge otherwise, and what it would say."""

    account_id: str
    before: str
    after: str
    reasons: list[str]


class ShadowPage(BaseModel):
    """A page of the accounts that a candidate would judge otherwise."""

    shadow: ShadowOut
    changes: list[ShadowChange]
    next_cursor: str | None


class QueueItem(BaseModel):
    """An account somebody should look at."""

    account_id: str
    priority: float
    reason: str


class QueuePage(BaseModel):
    """The review queue, most wanted first."""

    items: list[QueueItem]


class FeedPage(BaseModel):
    """Enforcement events in order. Ask again with `next_cursor`; it is given even where nothing is new."""

    events: list[dict[str, Any]]
    next_cursor: str


class AccountPenalty(BaseModel):
    """What is in force against an account, and what goes on after its end: milder each time, each until its own end."""

    account_id: str
    tier: str
    expires_at: str | None
    then: list[Penalty]


class PenaltyPage(BaseModel):
    """Accounts with a penalty in force, and where the feed stood before they were read: go on from there."""

    penalties: list[AccountPenalty]
    next_cursor: str | None
    next_feed_cursor: str


class AuditRow(BaseModel):
    """One row of the audit log. `nonce` is part of what is hashed; null where a name in the row was forgotten since."""

    seq: int
    at: int
    actor: str
    event: str
    subject: str
    detail: dict[str, Any]
    nonce: str | None = None
    previous: str
    hash: str


class AuditPage(BaseModel):
    """Audit rows in order."""

    rows: list[AuditRow]
    next_cursor: str | None


class Checkpoint(BaseModel):
    """How long the audit log is and how it ends, signed (api.checkpoint)."""

    what: str
    version: int
    rows: int
    head: str
    at: str
    key: str
    signature: str


class Health(BaseModel):
    """Whether the service lives, or is ready."""

    status: str
    run_id: str | None = None
