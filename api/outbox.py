"""The outbox: what the world outside must be told, written in the same transaction as what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from api.tables import feed_start, outbox
from graph.errors import ShoalError

ENFORCEMENT = "enforcement"  # to the platform: apply or lift a penalty
LABEL = "label"  # to the event log: what a decision says about an account
BAN = "ban"  # to the event log: a ban imposed on an account with its network, or lifted again


class GoneError(ShoalError):
    """What is asked for was there, and is not kept any more."""


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
    """Enforcement events after a serial number, in order: what a consumer that pulls reads.

    Raises GoneError if some of them were pruned: the consumer has to begin with what is in force (`GET /v1/penalties`).
    """
    begins = tx.execute(select(feed_start.c.seq)).scalar_one_or_none() or 0
    if after < begins:
        raise GoneError(
            f"the feed begins after {begins}; take what is in force from /v1/penalties, and go on from its "
            "next_feed_cursor"
        )
    found = select(outbox).where(outbox.c.kind == ENFORCEMENT, outbox.c.seq > after).order_by(outbox.c.seq)
    return tx.execute(found.limit(limit)).mappings().all()


def prunable(tx: Connection, before: int) -> bool:
    """Whether the oldest enforcement event was delivered before a time."""
    oldest = select(outbox.c.delivered_at).where(outbox.c.kind == ENFORCEMENT).order_by(outbox.c.seq).limit(1)
    at = tx.execute(oldest).scalar_one_or_none()
    return at is not None and at < before


def prune(tx: Connection, before: int, held_from: int | None) -> int:
    """Remove enforcement events that were delivered before a time and that no webhook waits for; returns how many.

    Only from the beginning on: the feed never has a hole.
    """
    kept = select(func.min(outbox.c.seq)).where(
        outbox.c.kind == ENFORCEMENT, or_(outbox.c.delivered_at.is_(None), outbox.c.delivered_at >= before)
    )
    first = tx.execute(kept).scalar_one()
    ends = [seq for seq in (first, held_from) if seq is not None]
    mine = outbox.c.kind == ENFORCEMENT
    if ends:
        mine &= outbox.c.seq < min(ends)
    last = tx.execute(select(func.max(outbox.c.seq)).where(mine)).scalar_one()
    if last is None:
        return 0
    n = tx.execute(delete(outbox).where(mine)).rowcount
    tx.execute(delete(feed_start))
    tx.execute(insert(feed_start).values(one=1, seq=last))
    return n


def last_seq(tx: Connection) -> int:
    """The serial number of the newest enforcement event; 0 where there was none."""
    newest = tx.execute(select(func.max(outbox.c.seq)).where(outbox.c.kind == ENFORCEMENT)).scalar_one()
    return newest or tx.execute(select(feed_start.c.seq)).scalar_one_or_none() or 0
