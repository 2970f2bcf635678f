"""The kill switch: one for the whole store. Set, it halts every executing action and lets no other begin.

Reversals go on while it is set. Whoever set it cannot lift it: that takes another person.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert, select

from api import actions, audit, brakes
from api.brakes import Hold
from api.clock import iso
from api.store import next_number
from api.tables import kill_switch, network_actions
from graph.errors import ConflictError, DeniedError


def standing(tx: Connection) -> dict[str, Any]:
    """How the switch stands: `set`, since when, by whom and why (null where it is not)."""
    on = brakes.switch(tx)
    if on is None:
        return {"set": False, "actor": None, "reason": None, "since": None}
    return {"set": True, "actor": on.actor, "reason": on.reason, "since": iso(on.at)}


def throw(tx: Connection, *, actor: str, reason: str, at: int) -> list[str]:
    """Set the switch; returns which actions it halted. Set already, it stays as it is: who set it first counts.

    Whoever applies a batch at this moment finishes it; the transaction that sets the switch comes after it, and no
    batch comes after that.
    """
    if brakes.switch(tx) is not None:
        audit.append(tx, [audit.Entry(actor, "switch.set_already", "kill switch", {"reason": reason})], at)
        return []
    _record(tx, "set", actor, reason, at)
    going = network_actions.c.state.in_(("executing", "scheduled"))
    halted = tx.execute(select(network_actions).where(going).order_by(network_actions.c.action_id)).all()
    for row in halted:
        actions.hold(tx, row, Hold("halted", "kill switch", f"the kill switch is set: {reason}"), actor=actor, at=at)
    return [row.action_id for row in halted]


def lift(tx: Connection, *, actor: str, reason: str, at: int) -> None:
    """Lift the switch. What it halted stays halted until people resume it, one by one.

    Raises ConflictError if it is not set, DeniedError for the one who set it.
    """
    on = brakes.switch(tx)
    if on is None:
        raise ConflictError("the kill switch is not set")
    if actor == on.actor:
        raise DeniedError(f"{actor} set the kill switch; another person must lift it")
    _record(tx, "lifted", actor, reason, at)


def _record(tx: Connection, state: str, actor: str, reason: str, at: int) -> None:
    turn = next_number(tx, kill_switch.c.turn)
    tx.execute(insert(kill_switch).values(turn=turn, state=state, actor=actor, reason=reason, at=at))
    audit.append(tx, [audit.Entry(actor, f"switch.{state}", "kill switch", {"reason": reason})], at)
