"""The outbox: what the world outside must be told, written in the same transaction as what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update

from api.tables import outbox

ENFORCEMENT = "enforcement"  # to the platform: apply or lift a penalty
LABEL = "label"  # to the event log: what a decision says about an account
BAN = "ban"  # to the event log: a ban imposed on an account with its network, or lifted again


@dataclass(frozen=True)
class Event:
    """One message. `event_id` is derived from what caused it, so it cannot be sent twice."""

    event_id: str
    kind: str
    payload: dict[str, Any]


def send(tx: Connection, events: Sequence[Event], at: int) -> None:
    """Put events into the outbox, in the caller's write transaction."""
    if events:
        rows = [{"event_id": e.event_id, "kind": e.kind, "payload": e.payload, "created_at": at} for e in events]
        tx.execute(insert(outbox), rows)


def pending(tx: Connection, kind: str, limit: int) -> Sequence[RowMapping]:
    """The oldest undelivered events of a kind, in order."""
    found = select(outbox).where(outbox.c.kind == kind, outbox.c.delivered_at.is_(None)).order_by(outbox.c.seq)
    return tx.execute(found.limit(limit)).mappings().all()


def delivered(tx: Connection, seqs: Sequence[int], at: int) -> None:
    """Record events as delivered."""
    tx.execute(update(outbox).where(outbox.c.seq.in_(seqs), outbox.c.delivered_at.is_(None)).values(delivered_at=at))


def feed(tx: Connection, after: int, limit: int) -> Sequence[RowMapping]:
    """Enforcement events after a serial number, in order: what a consumer that pulls reads."""
    found = select(outbox).where(outbox.c.kind == ENFORCEMENT, outbox.c.seq > after).order_by(outbox.c.seq)
    return tx.execute(found.limit(limit)).mappings().all()
