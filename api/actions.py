"""Network actions: propose, preview, approve, execute, hold, go on, reverse. Who may do what is decided here.

Deciding and doing are separate: these functions only move an action from state to state, in the caller's
write transaction; `api.execution` carries an executing or reversing action out, target by target.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from api import audit, brakes, judging, previewing, sampling, states
from api.brakes import Hold
from api.clock import DAY, HOUR, iso
from api.judging import Context
from api.sampling import Sample
from api.tables import approvals, network_actions, networks, overrides, publications, targets
from graph.errors import ConflictError, DeniedError, InputError, NothingFoundError

SHOAL = "shoal"  # who acts, where nobody does: an action that holds or halts by itself
ENDED = "the action ended before its turn"


class DriftError(ConflictError):
    """What was previewed is no longer so: the action becomes `state` (stale or expired), to be previewed again."""

    def __init__(self, message: str, action_id: str, state: str) -> None:
        super().__init__(message)
        self.action_id, self.state = action_id, state


@dataclass(frozen=True)
class Standing:
    """An action as a reader sees it: its row, its approvals, its sample and the overrides of its caps."""

    row: Row[Any]
    approvers: list[str]
    needed: int
    sample: Sample | None
    overrides: list[Row[Any]]


def find(tx: Connection, action_id: str) -> Row[Any]:
    """An action's row. Raises NothingFoundError."""
    row = tx.execute(select(network_actions).where(network_actions.c.action_id == action_id)).one_or_none()
    if row is None:
        raise NothingFoundError(f"no network action {action_id}")
    return row


def standing(tx: Connection, action_id: str) -> Standing:
    """An action with its approvals and how the reviews of its sample stand."""
    row = find(tx, action_id)
    if row.digest is None:
        return Standing(row, [], 0, None, [])
    rules = judging.required(tx).policy.actions
    given = select(approvals.c.approver).where(approvals.c.action_id == action_id, approvals.c.digest == row.digest)
    approvers = list(tx.execute(given.order_by(approvals.c.at, approvals.c.approver)).scalars())
    sample = sampling.standing(tx, action_id, row.action, row.proposer, row.sample or [], rules)
    raised = select(overrides).where(overrides.c.action_id == action_id).order_by(overrides.c.override_id)
    needed = _approvals_needed(row, rules.two_approvals_above)
    return Standing(row, approvers, needed, sample, list(tx.execute(raised)))


def _approvals_needed(row: Row[Any], above: int) -> int:
    return 2 if row.action == "ban" and row.counts["eligible"] > above else 1


def propose(tx: Connection, *, network_id: str, action: str, reason: str, proposer: str, at: int) -> str:
    """Propose to warn, restrict or ban a network of the current publication; returns the action's id."""
    context = judging.required(tx)
    here = (networks.c.publication_id == context.publication_id) & (networks.c.network_id == network_id)
    if tx.execute(select(networks.c.network_id).where(here)).one_or_none() is None:
        raise NothingFoundError(f"no network {network_id} in the current publication (run {context.run_id})")
    action_id = f"na-{at:016x}-{secrets.token_hex(4)}"
    tx.execute(
        insert(network_actions).values(
            action_id=action_id,
            network_id=network_id,
            action=action,
            reason=reason,
            state="proposed",
            proposer=proposer,
            proposed_at=at,
            updated_at=at,
        )
    )
    detail = {"network_id": network_id, "action": action, "reason": reason}
    audit.append(tx, [audit.Entry(proposer, "action.proposed", action_id, detail)], at)
    return action_id


def preview(tx: Connection, action_id: str, *, actor: str, at: int) -> str:
    """Freeze who would be acted on, under what verdict, prior penalty and guard; returns the digest of all that.

    The same run, policy and prior state give the same digest. Earlier approvals bind to earlier digests.
    """
    row = find(tx, action_id)
    states.check(action_id, row.state, "previewed")
    context = judging.required(tx)
    found = previewing.freeze(tx, row, context, at)
    if not found.counts["members"]:
        raise NothingFoundError(f"network {row.network_id} is not in the current publication (run {context.run_id})")
    frozen = {
        "publication_id": context.publication_id,
        "digest": found.digest,
        "counts": found.counts,
        "tally": found.tally,
        "sample": found.sample,
        "canary": found.canary,
        "impact": found.impact,
        "previewed_at": at,
    }
    move(tx, row, "previewed", actor, at, {"digest": found.digest, **found.counts}, **frozen)
    return found.digest


def move(tx: Connection, row: Row[Any], state: str, actor: str, at: int, detail: dict[str, Any], **values: Any) -> None:
    """Change an action's state, and say so in the audit log."""
    states.check(row.action_id, row.state, state)
    tx.execute(
        update(network_actions)
        .where(network_actions.c.action_id == row.action_id)
        .values(state=state, updated_at=at, **values)
    )
    entry = audit.Entry(actor, f"action.{state}", row.action_id, {"from": row.state, **detail})
    audit.append(tx, [entry], at)


def mark(tx: Connection, action_id: str, state: str, *, actor: str, why: str, at: int) -> None:
    """Move an action to a state in which nothing more is done: stale, expired, rejected or cancelled.

    What was applied before stays in force, and can be reversed.
    """
    row = find(tx, action_id)
    if row.state != state:
        if row.started_at is not None:
            row = drop_pending(tx, row, at)
        move(tx, row, state, actor, at, {"why": why}, note=why, held_for=None, held_until=None)


def drop_pending(tx: Connection, row: Row[Any], at: int) -> Row[Any]:
    """Skip the targets whose turn never came; returns the action's row after it."""
    mine = (targets.c.action_id == row.action_id) & (targets.c.state == "pending")
    tx.execute(update(targets).where(mine).values(state="skipped", guard=ENDED, updated_at=at))
    left = (row.tally or {}).get("pending", 0)
    tally(tx, row, {"pending": -left, "skipped": left})
    return find(tx, row.action_id)


def tally(tx: Connection, row: Row[Any], change: dict[str, int]) -> None:
    """Keep the counts of an action's targets by state right, in the transaction that changes these states."""
    counted = {s: (row.tally or {}).get(s, 0) + change.get(s, 0) for s in states.TARGET_NEXT}
    kept = {s: n for s, n in sorted(counted.items()) if n}
    tx.execute(update(network_actions).where(network_actions.c.action_id == row.action_id).values(tally=kept))


def hold(tx: Connection, row: Row[Any], why: Hold, *, actor: str, at: int) -> None:
    """Pause or halt an action until a person lets it go on."""
    detail = {"cause": why.cause, "why": why.why, **({"until": iso(why.until)} if why.until is not None else {})}
    until = why.until if why.until is not None else row.held_until
    move(tx, row, why.state, actor, at, detail, held_for=why.cause, held_until=until, note=why.why)


def outdate(tx: Connection, error: DriftError, *, actor: str, at: int) -> None:
    """Mark an action whose preview was found outdated, in a transaction after the one that found it."""
    if error.state in states.NEXT[find(tx, error.action_id).state]:
        mark(tx, error.action_id, error.state, actor=actor, why=str(error), at=at)


def approve(tx: Connection, action_id: str, *, digest: str, approver: str, at: int) -> int:
    """Approve exactly what a digest names; returns how many approvals are still wanted.

    Raises DeniedError for the proposer, ConflictError where the digest is another, the sample is not reviewed or
    disagrees, or the approver approved before; DriftError where the network, verdicts or penalties changed since.
    """
    row = find(tx, action_id)
    states.check(action_id, row.state, "approved")
    if approver == row.proposer:
        raise DeniedError(f"{approver} proposed network action {action_id}; another person must approve it")
    if digest != row.digest:
        raise ConflictError(f"this is not the digest of network action {action_id}'s newest preview; preview it again")
    context = judging.required(tx)
    rules = context.policy.actions
    if at - row.previewed_at > rules.preview_hours * HOUR:
        raise DriftError(f"the preview is older than {rules.preview_hours} hours; preview again", action_id, "expired")
    if row.counts["eligible"] == 0:
        raise ConflictError(f"network action {action_id} has nobody to act on: a guard holds every member")
    _require_sample(sampling.standing(tx, action_id, row.action, row.proposer, row.sample, rules))
    _require_unchanged(tx, row, context, at)
    given = select(approvals.c.approver).where(approvals.c.action_id == action_id, approvals.c.digest == digest)
    approvers = set(tx.execute(given).scalars())
    if approver in approvers:
        raise ConflictError(f"{approver} approved network action {action_id} already; a second person is wanted")
    tx.execute(insert(approvals).values(action_id=action_id, digest=digest, approver=approver, at=at))
    missing = _approvals_needed(row, rules.two_approvals_above) - len(approvers) - 1
    if missing > 0:
        entry = audit.Entry(approver, "action.approval", action_id, {"digest": digest, "still_wanted": missing})
        audit.append(tx, [entry], at)
    else:
        move(tx, row, "approved", approver, at, {"digest": digest})
    return max(missing, 0)


def _require_sample(sample: Sample) -> None:
    """Raise ConflictError unless the blind sample is reviewed and agrees."""
    size = len(sample.accounts)
    if sample.reviewed < size:
        raise ConflictError(
            f"the blind sample is not reviewed yet: {sample.reviewed} of {size} accounts have a review for this action"
        )
    if not sample.passed:
        raise ConflictError(
            f"the reviewers of the blind sample disagree with this action: {sample.agreeing} of {size} accounts "
            f"agree, {sample.needed} are needed"
        )


def _require_unchanged(tx: Connection, row: Row[Any], context: Context, at: int) -> None:
    """Raise DriftError if policy, members, tiers, prior penalties or guards are not what the preview froze."""
    then = select(publications.c.policy_sha256).where(publications.c.publication_id == row.publication_id)
    if tx.execute(then).scalar_one() != context.policy.sha256:
        raise DriftError("the policy changed since the preview; preview again", row.action_id, "stale")
    changed = previewing.changed(tx, row, context, at)
    if changed:
        raise DriftError(
            f"{changed} members of network {row.network_id} are not what the preview froze; preview again",
            row.action_id,
            "stale",
        )


def execute(tx: Connection, action_id: str, *, actor: str, at: int, execute_at: int | None = None) -> None:
    """Begin to carry out an approved action, now or at a time, if nothing changed since the preview."""
    row = find(tx, action_id)
    if row.state in states.HELD:
        raise ConflictError(f"network action {action_id} is {row.state}: it is resumed, not executed again")
    states.check(action_id, row.state, "executing" if execute_at is None else "scheduled")
    brakes.require_switch_off(tx)
    if execute_at is None:
        start(tx, row, actor=actor, at=at)
        return
    days = judging.required(tx).policy.actions.schedule_days
    if not at < execute_at <= at + days * DAY:
        raise InputError(f"execute_at is a time in the future, at most {days} days from now")
    _require_unchanged(tx, row, judging.required(tx), at)
    detail = {"digest": row.digest, "execute_at": iso(execute_at)}
    move(tx, row, "scheduled", actor, at, detail, executor=actor, execute_at=execute_at)


def start(tx: Connection, row: Row[Any], *, actor: str, at: int) -> None:
    """Let an action execute for the first time. Raises DriftError where the preview is outdated."""
    _require_unchanged(tx, row, judging.required(tx), at)
    new = {"executor": actor, "started_at": at, "held_for": None, "held_until": None, "note": None}
    move(tx, row, "executing", actor, at, {"digest": row.digest}, **new)


def pause(tx: Connection, action_id: str, *, actor: str, reason: str, at: int) -> None:
    """Stop an executing action after the batch at hand; it can go on, be cancelled or be reversed."""
    row = find(tx, action_id)
    states.check(action_id, row.state, "paused")
    hold(tx, row, Hold("paused", "person", reason), actor=actor, at=at)


def resume(tx: Connection, action_id: str, *, actor: str, reason: str, override: bool = False, at: int) -> None:
    """Let a paused or halted action go on.

    A canary holds until its time is over; only a second person, neither proposer nor executor, may `override` that.
    What a breaker or the kill switch halted is resumed by a second person in any case.
    """
    row = find(tx, action_id)
    if row.state not in states.HELD:
        raise ConflictError(f"network action {action_id} is {row.state}; only a paused or halted one is resumed")
    brakes.require_switch_off(tx)
    if row.state == "halted" or override:
        _require_second(row, actor)
    if row.held_until is not None and at < row.held_until and not override:
        raise ConflictError(
            f"the canary of network action {action_id} holds until {iso(row.held_until)}; a second person may override"
        )
    if row.started_at is None:
        start(tx, row, actor=actor, at=at)
        return
    context = judging.required(tx)
    released = bool(row.canary) and brakes.applied_so_far(row) >= row.canary
    blocked = brakes.room(tx, row, context, at, released=released)
    if isinstance(blocked, Hold):
        raise ConflictError(f"network action {action_id} cannot go on: {blocked.why}; a second person may override it")
    forgiven = brakes.overturned(tx, row) if row.held_for == "breaker" else row.forgiven
    detail = {"reason": reason, "held_for": row.held_for, "override": override}
    canary = 0 if released else row.canary
    new = {"held_for": None, "held_until": None, "canary": canary, "forgiven": forgiven, "note": None}
    move(tx, row, "executing", actor, at, detail, **new)


def _require_second(row: Row[Any], actor: str) -> None:
    """Raise DeniedError for those whose action it is already."""
    if actor in (row.proposer, row.executor):
        what = "proposed" if actor == row.proposer else "executes"
        raise DeniedError(f"{actor} {what} network action {row.action_id}; this takes a second person")


def override(
    tx: Connection, action_id: str, *, cap: str, allowed: int, hours: int, reason: str, actor: str, at: int
) -> str:
    """Let one action exceed a cap, up to `allowed` targets and for some hours; returns the override's id."""
    row = find(tx, action_id)
    if "executing" not in states.NEXT[row.state] and row.state not in ("previewed", "executing"):
        raise ConflictError(f"network action {action_id} is {row.state}: no cap is in its way")
    _require_second(row, actor)
    context = judging.required(tx)
    longest = context.policy.actions.override_hours
    if hours > longest:
        raise ConflictError(f"an override lasts at most {longest} hours")
    now = next((c for c in brakes.caps(tx, row, context, at) if c.name == cap), None)
    if now is None:
        raise InputError(f"there is no cap {cap}; there are {', '.join(brakes.CAPS)}")
    if now.limit is None or allowed <= now.limit:
        limit = "any number" if now.limit is None else now.limit
        raise ConflictError(f"the cap {cap} allows {limit} already; an override names a higher number")
    ends = at + hours * HOUR
    return brakes.override(tx, row, cap=cap, allowed=allowed, reason=reason, actor=actor, at=at, ends=ends)


def reverse(tx: Connection, action_id: str, *, actor: str, reason: str, at: int) -> None:
    """Begin to take an action back from every target it was applied to; an executing one stops first."""
    row = find(tx, action_id)
    states.check(action_id, row.state, "reversing")
    if not reason.strip():
        raise InputError("say why the action is reversed")
    if row.started_at is None:
        raise ConflictError(f"network action {action_id} was applied to nobody: there is nothing to reverse")
    if row.tally.get("pending"):
        row = drop_pending(tx, row, at)
    move(tx, row, "reversing", actor, at, {"reason": reason}, reverser=actor, held_for=None, held_until=None)


def trip(tx: Connection, account_id: str, at: int) -> None:
    """Halt each action that this account shows to be wrong too often: it was found genuine, or taken back."""
    context = judging.current(tx)
    if context is None:
        return
    mine = (
        select(network_actions)
        .join(targets, targets.c.action_id == network_actions.c.action_id)
        .where(targets.c.account_id == account_id, targets.c.state.in_(states.DONE_TO))
        .where(network_actions.c.state.in_(("executing", "paused")))
    )
    for row in tx.execute(mine.order_by(network_actions.c.action_id)).all():
        tripped = brakes.breaker(tx, row, context)
        if tripped is not None:
            hold(tx, row, tripped, actor=SHOAL, at=at)


def counts_by_state(tx: Connection, action_id: str) -> dict[str, int]:
    """How many targets are in which state."""
    rows = tx.execute(
        select(targets.c.state, func.count().label("n"))
        .where(targets.c.action_id == action_id)
        .group_by(targets.c.state)
    )
    return {row.state: row.n for row in sorted(rows, key=lambda r: r.state)}
