"""Sending enforcement events to webhooks: at least once, in order for each account, over days if it must be.

An endpoint's cursor says up to which serial number everything was received or stands in `webhook_waiting`. Events of
one account follow one another: while one waits, later ones of the account wait behind it; other accounts go on. What a
crash leaves unrecorded is sent again, under the same webhook-id. One process at a time sends to an endpoint: it holds a
lease, and what it sent counts only if the lease is still its own.
"""

from __future__ import annotations

import json
import random
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, func, insert, or_, select, update
from standardwebhooks import Webhook

from api import webhooks
from api.clock import SECOND, iso
from api.clock import now as clock
from api.logs import logger
from api.outbound import RefusedError, Sender
from api.outbox import ENFORCEMENT, last_seq
from api.store import reading, writing
from api.tables import outbox
from api.tables import webhook_endpoints as endpoints
from api.tables import webhook_waiting as waiting

SCHEDULE = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)  # seconds after each failure; then it is dead
GIVE_UP_AFTER = 5 * 86400 * SECOND  # an endpoint that answered nothing well for so long is disabled
LONGEST_WAIT = 86400  # seconds that a receiver may ask for
BATCH = 500
AT_ONCE = 8  # accounts that are sent to an endpoint side by side
ROUND_SECONDS = 30.0  # after which nothing more of a batch is begun
LEASE = 120 * SECOND
_log = logger("shoal.webhook")


@dataclass(frozen=True)
class Item:
    """An event to be sent: `attempts` before this one; `held` says it stands in webhook_waiting."""

    seq: int
    account_id: str
    event_id: str
    payload: dict[str, Any]
    attempts: int
    held: bool


@dataclass
class Outcome:
    """What became of a batch."""

    received: list[Item] = field(default_factory=list)
    failed: list[tuple[Item, str, int]] = field(default_factory=list)  # why, and seconds asked for
    behind: list[Item] = field(default_factory=list)  # not sent: one of the account before them was not received
    gone: bool = False


def deliver(
    engine: Engine,
    sender: Sender,
    rng: random.Random,
    go_on: Callable[[], bool] = lambda: True,
    now: Callable[[], int] = clock,
) -> int:
    """Send what is due to every enabled endpoint; returns how many events were received."""
    with reading(engine) as tx:
        names = list(tx.execute(select(endpoints.c.endpoint_id).where(endpoints.c.state == "enabled")).scalars())
    received = 0
    for endpoint_id in names:
        while go_on():
            lease = _lease(engine, endpoint_id, now()) if _anything(engine, endpoint_id, now()) else None
            if lease is None:
                break
            n, more = _round(engine, sender, rng, endpoint_id, lease, go_on, now)
            received += n
            if not more:
                break
    return received


def _anything(engine: Engine, endpoint_id: str, at: int) -> bool:
    """Whether there is something to do for an endpoint: looking costs no write."""
    with reading(engine) as tx:
        row = webhooks.find(tx, endpoint_id)
        return last_seq(tx) > row.cursor or bool(_due(tx, endpoint_id, at))


def _lease(engine: Engine, endpoint_id: str, at: int) -> str | None:
    """Take the endpoint, unless another process has it."""
    token = secrets.token_hex(8)
    free = or_(endpoints.c.leased_until.is_(None), endpoints.c.leased_until <= at)
    mine = (endpoints.c.endpoint_id == endpoint_id) & (endpoints.c.state == "enabled") & free
    with writing(engine) as tx:
        taken = tx.execute(update(endpoints).where(mine).values(lease=token, leased_until=at + LEASE)).rowcount
    return token if taken else None


def _round(
    engine: Engine,
    sender: Sender,
    rng: random.Random,
    endpoint_id: str,
    lease: str,
    go_on: Callable[[], bool],
    now: Callable[[], int],
) -> tuple[int, bool]:
    """Send one batch and record what became of it. Returns how many were received, and whether there may be more."""
    with reading(engine) as tx:
        row = webhooks.find(tx, endpoint_id)
        due, (fresh, last) = _due(tx, endpoint_id, now()), _fresh(tx, row)
        blocked = _blocked(tx, endpoint_id, due)
    ready = [*due, *(item for item in fresh if item.account_id not in blocked)]
    outcome = _send(sender, row, ready, go_on, now)
    outcome.behind += [item for item in fresh if item.account_id in blocked]
    with writing(engine) as tx:
        if webhooks.find(tx, endpoint_id).lease != lease:
            return 0, False
        _record(tx, row, outcome, last, rng, now())
    # a receiver that takes nothing is asked again in the next pass: nobody else's work waits for its timeouts
    better = bool(outcome.received) or (last > row.cursor and not outcome.failed)
    return len(outcome.received), better and not outcome.gone


def _due(tx: Connection, endpoint_id: str, at: int) -> list[Item]:
    """Waiting events whose time has come and before which none of their account waits."""
    alive = (waiting.c.endpoint_id == endpoint_id) & waiting.c.dead_at.is_(None)
    first = select(func.min(waiting.c.seq)).where(alive).group_by(waiting.c.account_id)
    found = (
        select(waiting.c.attempts, outbox)
        .join(outbox, outbox.c.seq == waiting.c.seq)
        .where(alive, waiting.c.next_at <= at, waiting.c.seq.in_(first))
        .order_by(waiting.c.seq)
        .limit(BATCH)
    )
    return [_item(r, r.attempts, held=True) for r in tx.execute(found)]


def _blocked(tx: Connection, endpoint_id: str, due: Sequence[Item]) -> set[str]:
    """Accounts of which something would still wait if all that is due were received."""
    alive = (waiting.c.endpoint_id == endpoint_id) & waiting.c.dead_at.is_(None)
    sent = {item.account_id for item in due}
    counted = select(waiting.c.account_id, func.count()).where(alive).group_by(waiting.c.account_id)
    return {account_id for account_id, n in tx.execute(counted) if n > (account_id in sent)}


def _fresh(tx: Connection, row: Row[Any]) -> tuple[list[Item], int]:
    """Events after the cursor that the endpoint wants, and how far the cursor goes with them."""
    found = (
        select(outbox)
        .where(outbox.c.kind == ENFORCEMENT, outbox.c.seq > row.cursor)
        .order_by(outbox.c.seq)
        .limit(BATCH)
    )
    rows = list(tx.execute(found))
    last = rows[-1].seq if rows else row.cursor
    return [_item(r, 0, held=False) for r in rows if webhooks.wants(row, r.payload)], last


def _item(row: Row[Any], attempts: int, *, held: bool) -> Item:
    return Item(row.seq, row.payload["account_id"], row.event_id, row.payload, attempts, held)


def _send(
    sender: Sender, row: Row[Any], items: Sequence[Item], go_on: Callable[[], bool], now: Callable[[], int]
) -> Outcome:
    by_account: dict[str, list[Item]] = {}
    for item in sorted(items, key=lambda i: i.seq):
        by_account.setdefault(item.account_id, []).append(item)
    outcome, until = Outcome(), time.monotonic() + ROUND_SECONDS

    def send_account(mine: list[Item]) -> Iterator[tuple[Item, str | None, int, bool]]:
        for place, item in enumerate(mine):
            if outcome.gone or time.monotonic() > until or not go_on():
                yield from ((later, "", 0, False) for later in mine[place:])
                return
            why, wait, gone = attempt(sender, row, item, now())
            yield item, why, wait, gone
            if why is not None:
                yield from ((later, "", 0, False) for later in mine[place + 1 :])
                return

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for found in pool.map(lambda mine: list(send_account(mine)), by_account.values()):
            for item, why, wait, gone in found:
                outcome.gone |= gone
                if why is None:
                    outcome.received.append(item)
                elif why:
                    outcome.failed.append((item, why, wait))
                else:
                    outcome.behind.append(item)
    return outcome


def body_of(item: Item) -> bytes:
    """What is sent: the event's type and time, and the event with its serial number."""
    told = {"type": item.payload["type"], "timestamp": item.payload["at"], "data": {"seq": item.seq, **item.payload}}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def signed(row: Row[Any], message_id: str, body: bytes, at: int) -> dict[str, str]:
    """The headers of Standard Webhooks, signed with every secret that is valid now."""
    when = datetime.fromtimestamp(at // SECOND, UTC)
    known = [row.secret]
    if row.secret_before is not None and row.secret_before_until > at:
        known.append(row.secret_before)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Shoal",
        "webhook-id": message_id,
        "webhook-timestamp": str(at // SECOND),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, when, body.decode()) for secret in known),
    }


def attempt(sender: Sender, row: Row[Any], item: Item, at: int) -> tuple[str | None, int, bool]:
    """Send one event. Returns why it was not received (None: it was), seconds to wait, and whether nobody wants any."""
    body = body_of(item)
    try:
        got = sender.post(row.url, body, signed(row, item.event_id, body, at))
    except (OSError, RefusedError) as error:
        return str(error)[:200] or type(error).__name__, 0, False
    if 200 <= got.status < 300:
        return None, 0, False
    return f"answered {got.status}", min(got.retry_after or 0, LONGEST_WAIT), got.status == 410


def _record(tx: Connection, row: Row[Any], outcome: Outcome, last: int, rng: random.Random, at: int) -> None:
    mine = waiting.c.endpoint_id == row.endpoint_id
    done = [item.seq for item in outcome.received if item.held]
    if done:
        tx.execute(delete(waiting).where(mine, waiting.c.seq.in_(done)))
    for item, why, wait in outcome.failed:
        _put_off(tx, row.endpoint_id, item, why, wait, rng, at)
    behind = [item for item in outcome.behind if not item.held]
    if behind:
        tx.execute(insert(waiting), [_waits(row.endpoint_id, item, 0, at, None, None) for item in behind])
    failing = row.failing_since
    if outcome.received:
        failing = None
    elif outcome.failed and failing is None:
        failing = at
    values = {"cursor": last, "lease": None, "leased_until": None, "failing_since": failing}
    tx.execute(update(endpoints).where(endpoints.c.endpoint_id == row.endpoint_id).values(values))
    if outcome.gone:
        webhooks.set_state(tx, row.endpoint_id, "disabled", "it answered 410 Gone", actor="shoal", at=at)
    elif failing is not None and at - failing > GIVE_UP_AFTER:
        why = f"nothing was received since {iso(failing)}"
        webhooks.set_state(tx, row.endpoint_id, "disabled", why, actor="shoal", at=at)
    if outcome.failed:
        _log.warning("not received", endpoint=row.endpoint_id, events=len(outcome.failed), why=outcome.failed[0][1])


def _put_off(tx: Connection, endpoint_id: str, item: Item, why: str, wait: int, rng: random.Random, at: int) -> None:
    dead = item.attempts >= len(SCHEDULE)
    seconds = 0.0 if dead else max(SCHEDULE[item.attempts] * rng.uniform(1.0, 1.2), wait)
    row = _waits(endpoint_id, item, item.attempts + 1, at + int(seconds * SECOND), at if dead else None, why)
    if not item.held:
        tx.execute(insert(waiting).values(row))
        return
    mine = (waiting.c.endpoint_id == endpoint_id) & (waiting.c.seq == item.seq)
    tx.execute(update(waiting).where(mine).values(row))


def _waits(
    endpoint_id: str, item: Item, attempts: int, next_at: int, dead_at: int | None, why: str | None
) -> dict[str, Any]:
    return {
        "endpoint_id": endpoint_id,
        "seq": item.seq,
        "account_id": item.account_id,
        "attempts": attempts,
        "next_at": next_at,
        "dead_at": dead_at,
        "why": why,
    }
