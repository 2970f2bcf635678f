"""Previews: who would be acted on, frozen target by target, and whether that is still so.

Networks may have a hundred thousand members: they are read, written and compared in pages, never all at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rfc8785
from sqlalchemy import Connection, Row, RowMapping, delete, insert, select, update

from api import sampling
from api.guards import PAGE, Member, pages
from api.impact import Impact
from api.judging import Context
from api.tables import targets


@dataclass(frozen=True)
class Frozen:
    """What a preview found. `digest` names all of the targets; `counts`, `sample` and `impact` are for people."""

    digest: str
    counts: dict[str, int]
    tally: dict[str, int]
    sample: list[str]
    canary: int
    impact: dict[str, Any]


def freeze(tx: Connection, row: Row[Any], context: Context, at: int) -> Frozen:
    """Write down an action's targets as they are now, in place of those of an earlier preview.

    The digest is SHA-256 over one RFC 8785 line for the action, run and policy, and one for each member in order.
    """
    tx.execute(delete(targets).where(targets.c.action_id == row.action_id))
    impact, lines = Impact(), hashlib.sha256(_head(row, context))
    for page in pages(tx, context, row.network_id, row.action, at):
        tx.execute(insert(targets), [_target(row.action_id, m, at) for m in page])
        for m in page:
            lines.update(rfc8785.dumps([m.account_id, m.tier, m.prior, m.guard]) + b"\n")
        impact.count(tx, context, row.network_id, page)
    rules = context.policy.actions
    sample = sampling.draw(row.action_id, row.action, _eligible(tx, row.action_id), rules)
    canary = sampling.canary_size(impact.eligible, rules)
    if canary:
        _first(tx, row.action_id, sampling.draw_canary(row.action_id, _eligible(tx, row.action_id), canary))
    skipped = impact.members - impact.eligible
    return Frozen(
        digest=lines.hexdigest(),
        counts={"members": impact.members, "eligible": impact.eligible, "skipped": skipped},
        tally={state: n for state, n in (("pending", impact.eligible), ("skipped", skipped)) if n},
        sample=sample,
        canary=canary,
        impact=impact.told(tx, row, context, len(sample), canary, at),
    )


def _head(row: Row[Any], context: Context) -> bytes:
    content = {
        "action_id": row.action_id,
        "network_id": row.network_id,
        "action": row.action,
        "run_id": context.run_id,
        "policy_sha256": context.policy.sha256,
    }
    return rfc8785.dumps(content) + b"\n"


def _target(action_id: str, member: Member, at: int) -> dict[str, Any]:
    return {
        "action_id": action_id,
        "account_id": member.account_id,
        "tier": member.tier,
        "prior": member.prior,
        "guard": member.guard,
        "state": "pending" if member.guard is None else "skipped",
        "turn": 1,
        "updated_at": at,
    }


def _eligible(tx: Connection, action_id: str) -> Iterator[str]:
    return (row["account_id"] for row in _frozen(tx, action_id) if row["guard"] is None)


def _frozen(tx: Connection, action_id: str) -> Iterator[RowMapping]:
    """What the preview wrote, sorted by account."""
    found = (
        select(targets.c.account_id, targets.c.tier, targets.c.prior, targets.c.guard)
        .where(targets.c.action_id == action_id)
        .order_by(targets.c.account_id)
        .limit(PAGE)
    )
    after: str | None = None
    while True:
        page = list(tx.execute(found if after is None else found.where(targets.c.account_id > after)).mappings())
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["account_id"]


def _first(tx: Connection, action_id: str, names: list[str]) -> None:
    """Let these targets go first."""
    for i in range(0, len(names), PAGE):
        mine = (targets.c.action_id == action_id) & targets.c.account_id.in_(names[i : i + PAGE])
        tx.execute(update(targets).where(mine).values(turn=0))


def changed(tx: Connection, row: Row[Any], context: Context, at: int) -> int:
    """How many members are not what the preview froze: come, gone, or with another tier, penalty or guard."""
    before: Iterator[tuple[Any, ...]] = (tuple(r.values()) for r in _frozen(tx, row.action_id))
    present: Iterator[tuple[Any, ...]] = (
        (m.account_id, m.tier, m.prior, m.guard)
        for page in pages(tx, context, row.network_id, row.action, at)
        for m in page
    )
    n, then, now = 0, next(before, None), next(present, None)
    while then is not None or now is not None:
        n += then != now
        gone = now is None or (then is not None and then[0] < now[0])
        come = then is None or (now is not None and now[0] < then[0])
        if not come:
            then = next(before, None)
        if not gone:
            now = next(present, None)
    return n
