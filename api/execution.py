"""Carrying a network action out: penalties applied, or taken back, in batches that each happen whole or not at all.

A batch is one transaction: its penalties (or reversals), their outbox rows, their audit entries and the new states
of its targets. So a process may die at any moment, and any number of processes may go on with the same action:
a target whose batch committed is done, the others are still to do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select, update

from api import actions, audit, judging, outbox, penalties, states
from api.clock import iso
from api.clock import now as clock
from api.guards import members_now
from api.policy import rank
from api.store import reading, writing
from api.tables import accounts as accounts_table
from api.tables import network_actions, reversals, targets, verdicts
from api.tables import penalties as penalties_table

BATCH = 200


def carry_on(engine: Engine, action_id: str, *, batch: int = BATCH, go_on: Callable[[], bool] = lambda: True) -> str:
    """Do batch after batch until the action is done or `go_on` says no; returns the action's state."""
    while go_on():
        state = step(engine, action_id, batch=batch)
        if state not in states.UNDER_WAY:
            return state
    with reading(engine) as tx:
        return str(actions.find(tx, action_id).state)


def under_way(engine: Engine) -> list[str]:
    """Actions that are executing or reversing, oldest first: also those a crash left."""
    with reading(engine) as tx:
        found = select(network_actions.c.action_id).where(network_actions.c.state.in_(states.UNDER_WAY))
        return list(tx.execute(found.order_by(network_actions.c.action_id)).scalars())


def step(engine: Engine, action_id: str, *, batch: int = BATCH, now: int | None = None) -> str:
    """Do one batch; returns the action's state after it."""
    with writing(engine) as tx:
        at = clock() if now is None else now
        row = actions.find(tx, action_id)
        if row.state == "executing":
            return _apply(tx, row, batch, at)
        if row.state == "reversing":
            return _reverse(tx, row, batch, at)
        return str(row.state)


def _next(tx: Connection, action_id: str, in_states: Sequence[str], batch: int) -> list[Row[Any]]:
    found = select(targets).where(targets.c.action_id == action_id, targets.c.state.in_(in_states))
    return list(tx.execute(found.order_by(targets.c.account_id).limit(batch)))


def _apply(tx: Connection, row: Row[Any], batch: int, at: int) -> str:
    todo = _next(tx, row.action_id, ["pending"], batch)
    if not todo:
        return _finish(tx, row, at)
    context = judging.required(tx)
    names = [t.account_id for t in todo]
    held_back = {m.account_id: m.guard for m in members_now(tx, context, row.network_id, row.action, at, only=names)}
    acted_on = [name for name in names if held_back.get(name, "gone") is None]
    ends = penalties.ends(row.action, context.policy, at)
    made = [_penalty(row.action_id, name, row.action, ends, at) for name in acted_on]
    entries: list[audit.Entry] = []
    events: list[outbox.Event] = []
    if made:
        tx.execute(insert(penalties_table), made)
        reasons = _reasons(tx, acted_on)
        for penalty in made:
            name = penalty["account_id"]
            events.append(_event("applied", row, penalty, row.action, reasons[name], at))
            events += _ban_record("imposed", row, penalty, at)
            detail = {"account_id": name, "penalty_id": penalty["penalty_id"], "tier": row.action}
            entries.append(audit.Entry(row.executor, "penalty.applied", row.action_id, detail))
        _set_states(tx, row.action_id, acted_on, "applied", at)
    for name in names:
        if name not in acted_on:
            why = held_back.get(name) or "it is not known any more"
            _set_states(tx, row.action_id, [name], "skipped", at, guard=why)
            detail = {"account_id": name, "guard": why}
            entries.append(audit.Entry(row.executor, "target.skipped", row.action_id, detail))
    outbox.send(tx, events, at)
    audit.append(tx, entries, at)
    return "executing"


def _penalty(action_id: str, account_id: str, tier: str, ends: int | None, at: int) -> dict[str, Any]:
    """A penalty whose ids follow from action and account: it cannot be made twice."""
    name = hashlib.sha256(f"{action_id}\n{account_id}".encode()).hexdigest()[:32]
    return {
        "penalty_id": f"pn-{name}",
        "notice_id": f"nt-{name}",
        "account_id": account_id,
        "action_id": action_id,
        "tier": tier,
        "applied_at": at,
        "expires_at": ends,
    }


def _reasons(tx: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    """The sentences of each account's verdict."""
    found = (
        select(accounts_table.c.account_id, verdicts.c.reasons)
        .join(verdicts, verdicts.c.verdict_id == accounts_table.c.verdict_id)
        .where(accounts_table.c.account_id.in_(names))
    )
    return {row.account_id: [reason["text"] for reason in row.reasons] for row in tx.execute(found)}


def _event(
    what: str, row: Row[Any], penalty: dict[str, Any], in_force: str, reasons: list[str], at: int
) -> outbox.Event:
    """The platform's order: the account's penalty is now `effective`."""
    ends = penalty["expires_at"]
    event_id = f"penalty.{what}:{penalty['penalty_id']}"
    payload = {
        "event_id": event_id,
        "type": f"penalty.{what}",
        "account_id": penalty["account_id"],
        "action_id": row.action_id,
        "network_id": row.network_id,
        "penalty_id": penalty["penalty_id"],
        "notice_id": penalty["notice_id"],
        "tier": penalty["tier"],
        "effective": in_force,
        "expires_at": None if ends is None else iso(ends),
        "reasons": reasons,
        "at": iso(at),
    }
    return outbox.Event(event_id, outbox.ENFORCEMENT, payload)


def _ban_record(what: str, row: Row[Any], penalty: dict[str, Any], at: int) -> list[outbox.Event]:
    """What the event log learns of a ban (of a milder penalty: nothing), so that later runs know banned networks."""
    if penalty["tier"] != "ban":
        return []
    record_id = f"ban.{what}:{penalty['penalty_id']}"
    payload = {
        "record_id": record_id,
        "ban_id": penalty["penalty_id"],
        "account_id": penalty["account_id"],
        "network_id": row.network_id,
        "what": what,
        "at": at,
    }
    return [outbox.Event(record_id, outbox.BAN, payload)]


def _set_states(tx: Connection, action_id: str, names: Sequence[str], state: str, at: int, **values: Any) -> None:
    tx.execute(
        update(targets)
        .where(targets.c.action_id == action_id, targets.c.account_id.in_(names))
        .values(state=state, updated_at=at, **values)
    )


def _reverse(tx: Connection, row: Row[Any], batch: int, at: int) -> str:
    todo = _next(tx, row.action_id, ["applied", "confirmed"], batch)
    if not todo:
        return _finish(tx, row, at)
    names = [t.account_id for t in todo]
    mine = (penalties_table.c.action_id == row.action_id) & penalties_table.c.account_id.in_(names)
    taken_back = [dict(p) for p in tx.execute(select(penalties_table).where(mine)).mappings()]
    tx.execute(
        insert(reversals), [{"penalty_id": p["penalty_id"], "actor": row.reverser, "at": at} for p in taken_back]
    )
    left = penalties.in_force(tx, penalties_table.c.account_id.in_(names), at)
    entries: list[audit.Entry] = []
    events: list[outbox.Event] = []
    by_state: dict[str, list[str]] = {"reversed": [], "superseded": []}
    for penalty in sorted(taken_back, key=lambda p: p["account_id"]):
        name = penalty["account_id"]
        remains = left[name] if name in left else penalties.Effective()
        state = "superseded" if rank(remains.tier) >= rank(penalty["tier"]) else "reversed"
        by_state[state].append(name)
        told = {**penalty, "expires_at": remains.expires_at}
        events.append(_event("reversed", row, told, remains.tier, [], at))
        events += _ban_record("lifted", row, penalty, at)
        detail = {"account_id": name, "penalty_id": penalty["penalty_id"], "effective": remains.tier}
        entries.append(audit.Entry(row.reverser, "penalty.reversed", row.action_id, detail))
    for state, which in by_state.items():
        if which:
            _set_states(tx, row.action_id, which, state, at)
    outbox.send(tx, events, at)
    audit.append(tx, entries, at)
    return "reversing"


def _finish(tx: Connection, row: Row[Any], at: int) -> str:
    """Close an action none of whose targets is left to do."""
    counted = actions.counts_by_state(tx, row.action_id)
    if row.state == "executing":
        missed = counted.get("skipped", 0) - row.counts["skipped"] + counted.get("failed", 0)
        state, actor = ("partially_executed" if missed else "executed"), row.executor
    else:
        state, actor = ("partially_reversed" if counted.get("failed", 0) else "reversed"), row.reverser
    actions.move(tx, row, state, actor, at, {"targets": counted})
    return state
