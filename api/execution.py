"""Carrying a network action out: penalties applied, or taken back, in batches that each happen whole or not at all.

A batch is one transaction: its penalties (or reversals), their outbox rows, their audit entries and the new states
of its targets. So a process may die at any moment, and any number of processes may go on with the same action:
a target whose batch committed is done, the others are still to do. Before each batch the brakes are asked
(api.brakes); what they stop waits for a person.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from api import actions, audit, brakes, judging, outbox, penalties, states
from api.brakes import Hold
from api.clock import iso
from api.clock import now as clock
from api.guards import members_now
from api.policy import rank
from api.store import reading, writing
from api.tables import accounts as accounts_table
from api.tables import batches, network_actions, reversals, targets, verdicts
from api.tables import penalties as penalties_table
from graph.errors import ConflictError, NothingFoundError, ShoalError

BATCH = 500  # held for a tenth of a second or so: that long another writer, or the kill switch, waits at most
REST_S = 0.05


def carry_on(engine: Engine, action_id: str, *, batch: int = BATCH, go_on: Callable[[], bool] = lambda: True) -> str:
    """Do batch after batch until the action is done or `go_on` says no; returns the action's state."""
    while go_on():
        began = monotonic()
        state = step(engine, action_id, batch=batch)
        if state not in states.UNDER_WAY:
            return state
        _let_others(engine, monotonic() - began)
    with reading(engine) as tx:
        return str(actions.find(tx, action_id).state)


def carry_all(engine: Engine, *, batch: int = BATCH, go_on: Callable[[], bool] = lambda: True) -> list[str]:
    """Carry every action on that is under way, a batch of each in turn, until none is left or `go_on` says no.

    Returns which there were. An action that fails waits for the next call; its error is raised at the end.
    """
    seen: list[str] = []
    failed: dict[str, ShoalError | SQLAlchemyError] = {}
    while go_on():
        todo = [name for name in under_way(engine) if name not in failed]
        if not todo:
            break
        for action_id in todo:
            if not go_on():
                break
            seen += [action_id] if action_id not in seen else []
            began = monotonic()
            try:
                step(engine, action_id, batch=batch)
            except (ShoalError, SQLAlchemyError) as error:
                failed[action_id] = error
            _let_others(engine, monotonic() - began)
    if failed:
        raise next(iter(failed.values()))
    return seen


def _let_others(engine: Engine, took: float) -> None:
    """Rest between batches where writers do not queue: SQLite's look again now and then, and would find it taken.

    The kill switch is such a writer. PostgreSQL serves those who wait in their order.
    """
    if engine.dialect.name == "sqlite":
        sleep(min(took, REST_S))


def under_way(engine: Engine, now: int | None = None) -> list[str]:
    """Actions to be carried on: reversals first, then those executing or due; also those a crash left."""
    at = clock() if now is None else now
    due = (network_actions.c.state == "scheduled") & (network_actions.c.execute_at <= at)
    found = select(network_actions.c.action_id).where(or_(network_actions.c.state.in_(states.UNDER_WAY), due))
    first = network_actions.c.state == "reversing"
    with reading(engine) as tx:
        return list(tx.execute(found.order_by(first.desc(), network_actions.c.action_id)).scalars())


def step(engine: Engine, action_id: str, *, batch: int = BATCH, now: int | None = None) -> str:
    """Do one batch; returns the action's state after it."""
    with writing(engine) as tx:
        at = clock() if now is None else now
        row = actions.find(tx, action_id)
        if row.state == "scheduled" and row.execute_at <= at:
            return _begin(tx, row, at)
        if row.state == "executing":
            return _apply(tx, row, batch, at)
        if row.state == "reversing":
            return _reverse(tx, row, batch, at)
        return str(row.state)


def _begin(tx: Connection, row: Row[Any], at: int) -> str:
    """Start a scheduled action whose time has come, in the name of who scheduled it; or say why not."""
    on = brakes.switch(tx)
    if on is not None:
        return _held(tx, row, Hold("halted", "kill switch", f"the kill switch is set: {on.reason}"), at)
    try:
        actions.start(tx, row, actor=row.executor, at=at)
    except actions.DriftError as error:
        actions.mark(tx, row.action_id, error.state, actor=actions.SHOAL, why=str(error), at=at)
        return error.state
    return "executing"


def _held(tx: Connection, row: Row[Any], why: Hold, at: int) -> str:
    actions.hold(tx, row, why, actor=actions.SHOAL, at=at)
    return why.state


def _next(tx: Connection, action_id: str, state: str, batch: int) -> list[str]:
    """The next targets in one state: along the index, however many there are."""
    found = select(targets.c.account_id).where(targets.c.action_id == action_id, targets.c.state == state)
    return list(tx.execute(found.order_by(targets.c.turn, targets.c.account_id).limit(batch)).scalars())


def _apply(tx: Connection, row: Row[Any], batch: int, at: int) -> str:
    context = judging.required(tx)
    stopped = brakes.stopped(tx, row, context)
    if stopped is not None:
        return _held(tx, row, stopped, at)
    names = _next(tx, row.action_id, "pending", batch)
    if not names:
        return _finish(tx, row, at)
    left = brakes.room(tx, row, context, at)
    if isinstance(left, Hold):
        return _held(tx, row, left, at)
    names = names[:left]
    guards = {m.account_id: m.guard for m in members_now(tx, row.action, names, at)}
    held_back = {name: guards.get(name, "it is not known any more") for name in names}
    acted_on = [name for name in names if held_back[name] is None]
    ends = penalties.ends(row.action, context.policy, at)
    made = [_penalty(row.action_id, name, row.action, ends, at) for name in acted_on]
    entries: list[audit.Entry] = []
    events: list[outbox.Event] = []
    if made:
        tx.execute(insert(penalties_table), made)
        count = {"policy_sha256": context.policy.sha256, "applied": len(made), "at": at}
        tx.execute(insert(batches).values(action_id=row.action_id, **count))
        reasons = _reasons(tx, acted_on)
        held = penalties.in_force(tx, penalties_table.c.account_id.in_(acted_on), at)
        for penalty in made:
            name = penalty["account_id"]
            events.append(_event("applied", row, penalty, held[name], reasons[name], at))
            events += _ban_record("imposed", row, penalty, at)
            detail = {"account_id": name, "penalty_id": penalty["penalty_id"], "tier": row.action}
            entries.append(audit.Entry(row.executor, "penalty.applied", row.action_id, detail))
        _set_states(tx, row.action_id, acted_on, "applied", at)
    for name in names:
        why = held_back[name]
        if why is not None:
            _set_states(tx, row.action_id, [name], "skipped", at, guard=why)
            entries.append(
                audit.Entry(row.executor, "target.skipped", row.action_id, {"account_id": name, "guard": why})
            )
    outbox.send(tx, events, at)
    audit.append(tx, entries, at)
    spared = len(names) - len(acted_on)
    actions.tally(tx, row, {"pending": -len(names), "applied": len(acted_on), "skipped": spared})
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
    what: str, row: Row[Any], penalty: dict[str, Any], in_force: penalties.Effective, reasons: list[str], at: int
) -> outbox.Event:
    """The platform's order: the account's penalty is now `effective`."""
    told = in_force.told()
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
        "effective": told["tier"],
        "expires_at": told["expires_at"],
        "then": told["then"],
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
    for state in states.IN_FORCE:
        names = _next(tx, row.action_id, state, batch)
        if names:
            _take_back(tx, row, state, names, row.reverser, at, {})
            return "reversing"
    return _finish(tx, row, at)


def reverse_one(tx: Connection, action_id: str, account_id: str, *, actor: str, reason: str, at: int) -> None:
    """Take an action back from one target, and leave the others as they are.

    Raises NothingFoundError if the action never meant this account, ConflictError if no penalty of it is in force.
    """
    row = actions.find(tx, action_id)
    mine = select(targets.c.state).where(targets.c.action_id == action_id, targets.c.account_id == account_id)
    state = tx.execute(mine).scalar_one_or_none()
    if state is None:
        raise NothingFoundError(f"account {account_id} is no target of network action {action_id}")
    if state not in states.IN_FORCE:
        raise ConflictError(f"account {account_id} is {state} in network action {action_id}: nothing to take back")
    _take_back(tx, row, state, [account_id], actor, at, {"reason": reason})
    actions.trip(tx, account_id, at)


def _take_back(
    tx: Connection, row: Row[Any], state: str, names: Sequence[str], actor: str, at: int, why: dict[str, str]
) -> None:
    """Reverse the penalties of targets that are all in one state: each account has what the others leave it."""
    mine = (penalties_table.c.action_id == row.action_id) & penalties_table.c.account_id.in_(names)
    taken_back = [dict(p) for p in tx.execute(select(penalties_table).where(mine)).mappings()]
    tx.execute(insert(reversals), [{"penalty_id": p["penalty_id"], "actor": actor, "at": at} for p in taken_back])
    left = penalties.in_force(tx, penalties_table.c.account_id.in_(names), at)
    entries: list[audit.Entry] = []
    events: list[outbox.Event] = []
    by_state: dict[str, list[str]] = {"reversed": [], "superseded": []}
    for penalty in sorted(taken_back, key=lambda p: p["account_id"]):
        name = penalty["account_id"]
        remains = left[name] if name in left else penalties.Effective()
        became = "superseded" if rank(remains.tier) >= rank(penalty["tier"]) else "reversed"
        by_state[became].append(name)
        events.append(_event("reversed", row, penalty, remains, [], at))
        events += _ban_record("lifted", row, penalty, at)
        detail = {"account_id": name, "penalty_id": penalty["penalty_id"], "effective": remains.tier, **why}
        entries.append(audit.Entry(actor, "penalty.reversed", row.action_id, detail))
    for became, which in by_state.items():
        if which:
            _set_states(tx, row.action_id, which, became, at)
    outbox.send(tx, events, at)
    audit.append(tx, entries, at)
    change = Counter({became: len(which) for became, which in by_state.items()})
    change[state] -= len(taken_back)
    actions.tally(tx, row, change)


def _finish(tx: Connection, row: Row[Any], at: int) -> str:
    """Close an action none of whose targets is left to do."""
    counted = row.tally
    if row.state == "executing":
        missed = counted.get("skipped", 0) - row.counts["skipped"] + counted.get("failed", 0)
        state, actor = ("partially_executed" if missed else "executed"), row.executor
    else:
        state, actor = ("partially_reversed" if counted.get("failed", 0) else "reversed"), row.reverser
    actions.move(tx, row, state, actor, at, {"targets": counted})
    return state
