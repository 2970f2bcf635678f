"""Network actions: propose, preview, approve, execute, reverse. Who may do what is decided here.

Deciding and doing are separate: these functions only move an action from state to state, in the caller's
write transaction; `api.execution` carries an executing or reversing action out, target by target.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from api import audit, judging, sampling, states
from api.audit import canonical_sha256
from api.guards import Member, members_now
from api.judging import Context
from api.sampling import Sample
from api.tables import approvals, network_actions, networks, publications, targets
from graph.errors import ConflictError, DeniedError, InputError, NothingFoundError

HOUR = 3_600_000_000


class DriftError(ConflictError):
    """What was previewed is no longer so: the action becomes `state` (stale or expired), to be previewed again."""

    def __init__(self, message: str, action_id: str, state: str) -> None:
        super().__init__(message)
        self.action_id, self.state = action_id, state


@dataclass(frozen=True)
class Standing:
    """An action as a reader sees it: its row, its approvals and its sample."""

    row: Row[Any]
    approvers: list[str]
    needed: int
    sample: Sample | None


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
        return Standing(row, [], 0, None)
    rules = judging.required(tx).policy.actions
    given = select(approvals.c.approver).where(approvals.c.action_id == action_id, approvals.c.digest == row.digest)
    approvers = list(tx.execute(given.order_by(approvals.c.at, approvals.c.approver)).scalars())
    sample = sampling.standing(tx, action_id, row.action, row.proposer, row.sample or [], rules)
    return Standing(row, approvers, _approvals_needed(row, rules.two_approvals_above), sample)


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
    found = members_now(tx, context, row.network_id, row.action, at)
    if not found:
        raise NothingFoundError(f"network {row.network_id} is not in the current publication (run {context.run_id})")
    digest = _digest(row, context, found)
    eligible = [m.account_id for m in found if m.guard is None]
    counts = {"members": len(found), "eligible": len(eligible), "skipped": len(found) - len(eligible)}
    tx.execute(delete(targets).where(targets.c.action_id == action_id))
    tx.execute(insert(targets), [_target(action_id, m, at) for m in found])
    drawn = sampling.draw(action_id, row.action, eligible, context.policy.actions)
    frozen = {
        "publication_id": context.publication_id,
        "digest": digest,
        "counts": counts,
        "sample": drawn,
        "previewed_at": at,
    }
    move(tx, row, "previewed", actor, at, {"digest": digest, **counts}, **frozen)
    return digest


def _target(action_id: str, member: Member, at: int) -> dict[str, Any]:
    return {
        "action_id": action_id,
        "account_id": member.account_id,
        "tier": member.tier,
        "prior": member.prior,
        "guard": member.guard,
        "state": "pending" if member.guard is None else "skipped",
        "updated_at": at,
    }


def _digest(row: Row[Any], context: Context, found: list[Member]) -> str:
    content = {
        "action_id": row.action_id,
        "network_id": row.network_id,
        "action": row.action,
        "run_id": context.run_id,
        "policy_sha256": context.policy.sha256,
        "targets": [[m.account_id, m.tier, m.prior, m.guard] for m in found],
    }
    return canonical_sha256(content)


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
    """Move an action to a state in which nothing is done: stale, expired, rejected or cancelled."""
    row = find(tx, action_id)
    if row.state != state:
        move(tx, row, state, actor, at, {"why": why}, note=why)


def outdate(tx: Connection, error: DriftError, *, actor: str, at: int) -> None:
    """Mark an action whose preview was found outdated, in a transaction after the one that found it."""
    if "stale" in states.NEXT[find(tx, error.action_id).state]:
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
    frozen = tx.execute(
        select(targets.c.account_id, targets.c.tier, targets.c.prior, targets.c.guard)
        .where(targets.c.action_id == row.action_id)
        .order_by(targets.c.account_id)
    ).all()
    present = [
        (m.account_id, m.tier, m.prior, m.guard) for m in members_now(tx, context, row.network_id, row.action, at)
    ]
    before = [tuple(r) for r in frozen]
    if before != present:
        changed = len({x[0] for x in {*before} ^ {*present}})
        raise DriftError(
            f"{changed} members of network {row.network_id} are not what the preview froze; preview again",
            row.action_id,
            "stale",
        )


def execute(tx: Connection, action_id: str, *, actor: str, at: int) -> None:
    """Begin to carry out an approved action, if nothing changed since the preview."""
    row = find(tx, action_id)
    states.check(action_id, row.state, "executing")
    _require_unchanged(tx, row, judging.required(tx), at)
    move(tx, row, "executing", actor, at, {"digest": row.digest}, executor=actor)


def reverse(tx: Connection, action_id: str, *, actor: str, reason: str, at: int) -> None:
    """Begin to take an executed action back from every target it was applied to."""
    row = find(tx, action_id)
    states.check(action_id, row.state, "reversing")
    if not reason.strip():
        raise InputError("say why the action is reversed")
    move(tx, row, "reversing", actor, at, {"reason": reason}, reverser=actor)


def counts_by_state(tx: Connection, action_id: str) -> dict[str, int]:
    """How many targets are in which state."""
    rows = tx.execute(
        select(targets.c.state, func.count().label("n"))
        .where(targets.c.action_id == action_id)
        .group_by(targets.c.state)
    )
    return {row.state: row.n for row in sorted(rows, key=lambda r: r.state)}
