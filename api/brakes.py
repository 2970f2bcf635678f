"""Brakes: what stops an executing action. The kill switch, the breaker, the end of the canary, the caps.

All of it is read in the transaction that would apply the next batch. Writers take turns (api.store), so a cap that
had room when it was read has room when the batch commits, whatever other processes do.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from api import audit, states
from api.clock import HOUR
from api.judging import Context
from api.tables import accounts, batches, kill_switch, overrides, publications, reviews, targets
from graph.errors import ConflictError

CAPS = {
    "per_action": "applied by this action",
    "per_hour": "applied by all actions within 60 minutes",
    "per_policy": "applied by all actions under this policy",
    "active_share": "applied by all actions within 24 hours",
}


@dataclass(frozen=True)
class Hold:
    """Why an action is not carried on: it becomes `state` (paused or halted). `until`: not before then."""

    state: str
    cause: str
    why: str
    until: int | None = None


@dataclass(frozen=True)
class Cap:
    """One cap as it stands for one action: how many may be applied (`limit`; None: any number), and how many were."""

    name: str
    limit: int | None
    used: int


def applied_so_far(row: Row[Any]) -> int:
    """How many targets of an action got their penalty, whether or not it was taken back since."""
    return sum((row.tally or {}).get(state, 0) for state in states.DONE_TO)


def switch(tx: Connection) -> Row[Any] | None:
    """Who set the kill switch, when and why; None: it is not set."""
    last = tx.execute(select(kill_switch).order_by(kill_switch.c.turn.desc()).limit(1)).one_or_none()
    return last if last is not None and last.state == "set" else None


def require_switch_off(tx: Connection) -> None:
    """Raise ConflictError while the kill switch is set."""
    on = switch(tx)
    if on is not None:
        raise ConflictError(
            f"the kill switch is set by {on.actor} ({on.reason}): nothing is executed until it is lifted"
        )


def stopped(tx: Connection, row: Row[Any], context: Context) -> Hold | None:
    """The kill switch or the breaker, where one of them stops the action."""
    on = switch(tx)
    if on is not None:
        return Hold("halted", "kill switch", f"the kill switch is set: {on.reason}")
    return breaker(tx, row, context)


def breaker(tx: Connection, row: Row[Any], context: Context) -> Hold | None:
    """The breaker: too many of those whom the action was applied to turn out to be wronged."""
    rules, wronged, applied = context.policy.actions, overturned(tx, row), applied_so_far(row)
    if wronged - (row.forgiven or 0) < rules.breaker_min or wronged <= rules.breaker_share * applied:
        return None
    share = f"{100 * rules.breaker_share:g}%"
    why = f"{wronged} of {applied} targets were found genuine or taken back since it began; more than {share} halt it"
    return Hold("halted", "breaker", why)


def overturned(tx: Connection, row: Row[Any]) -> int:
    """How many of those whom an action was applied to were taken back singly, or found genuine since it began."""
    tally = row.tally or {}
    back = int(tally.get("reversed", 0) + tally.get("superseded", 0))
    if row.started_at is None:
        return back
    found = (
        select(func.count(reviews.c.account_id.distinct()))
        .join(targets, (targets.c.account_id == reviews.c.account_id) & (targets.c.action_id == row.action_id))
        .where(reviews.c.decision == "genuine", reviews.c.at >= row.started_at, targets.c.state.in_(states.IN_FORCE))
    )
    return back + int(tx.execute(found).scalar_one())


def room(tx: Connection, row: Row[Any], context: Context, at: int, *, released: bool = False) -> int | Hold:
    """How many targets may get their penalty now, or why none. `released`: the canary no longer counts."""
    left: list[int] = []
    if row.canary and not released:
        of_canary = row.canary - applied_so_far(row)
        if of_canary <= 0:
            until = at + context.policy.actions.hold_hours * HOUR
            why = f"the canary's {row.canary} targets are done; look before it goes on"
            return Hold("paused", "canary", why, until)
        left.append(of_canary)
    for cap in caps(tx, row, context, at):
        if cap.limit is not None:
            if cap.used >= cap.limit:
                why = f"the cap {cap.name} is reached: {cap.used} of {cap.limit} {CAPS[cap.name]}"
                return Hold("paused", "cap", why)
            left.append(cap.limit - cap.used)
    return min(left, default=1 << 31)


def caps(tx: Connection, row: Row[Any], context: Context, at: int) -> list[Cap]:
    """Every cap of the policy as it stands for an action, overrides included."""
    rules = context.policy.actions.caps
    share = None
    if rules.active_share is not None:
        share = max(rules.active_least, math.floor(rules.active_share * active_accounts(tx, context) + 1e-9))
    limits = {
        "per_action": rules.per_action,
        "per_hour": rules.per_hour,
        "per_policy": rules.per_policy,
        "active_share": share,
    }
    used = {
        "per_action": applied_so_far(row),
        "per_hour": _applied(tx, batches.c.at > at - HOUR),
        "per_policy": _applied(tx, batches.c.policy_sha256 == context.policy.sha256),
        "active_share": _applied(tx, batches.c.at > at - 24 * HOUR),
    }
    raised = _raised(tx, row, at)
    found = []
    for name, limit in limits.items():
        more = raised.get(name)
        found.append(Cap(name, limit if limit is None or more is None else max(limit, more), used[name]))
    return found


def active_accounts(tx: Connection, context: Context) -> int:
    """How many accounts were active in the data window of the publication (known, where it does not say)."""
    here = publications.c.publication_id == context.publication_id
    told = tx.execute(select(publications.c.active_accounts).where(here)).scalar_one()
    return int(tx.execute(select(func.count()).select_from(accounts)).scalar_one() if told is None else told)


def _applied(tx: Connection, where: Any) -> int:
    return int(tx.execute(select(func.coalesce(func.sum(batches.c.applied), 0)).where(where)).scalar_one())


def _raised(tx: Connection, row: Row[Any], at: int) -> dict[str, int]:
    """What unexpired overrides allow, by cap. One by who has since become the executor does not count."""
    found = (
        select(overrides.c.cap, func.max(overrides.c.targets).label("targets"))
        .where(overrides.c.action_id == row.action_id, overrides.c.expires_at > at)
        .where(overrides.c.actor.not_in([name for name in (row.proposer, row.executor) if name is not None]))
        .group_by(overrides.c.cap)
    )
    return {r.cap: r.targets for r in tx.execute(found)}


def override(
    tx: Connection, row: Row[Any], *, cap: str, allowed: int, reason: str, actor: str, at: int, ends: int
) -> str:
    """Write down that a cap means `allowed` targets for one action until `ends`; returns the override's id."""
    override_id = f"ov-{at:016x}-{secrets.token_hex(4)}"
    said = {"cap": cap, "targets": allowed, "reason": reason, "expires_at": ends}
    tx.execute(insert(overrides).values(override_id=override_id, action_id=row.action_id, actor=actor, at=at, **said))
    audit.append(tx, [audit.Entry(actor, "cap.overridden", row.action_id, {"override_id": override_id, **said})], at)
    return override_id
