"""Receivers of enforcement events: who they are, how what is sent to them is signed, and what waits for them.

Signed as Standard Webhooks 1.0 says. A secret is kept as it is, because signing needs it; whoever can read the decision
store or a backup of it can sign. It is shown when it is made and never again.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Row, RowMapping, delete, func, insert, select, update

from api import audit
from api.audit import Entry
from api.clock import now as clock
from api.outbound import Allowed, check_url
from api.outbox import ENFORCEMENT, last_seq
from api.store import reading, writing
from api.tables import outbox as outbox_table
from api.tables import webhook_endpoints as endpoints
from api.tables import webhook_waiting as waiting
from graph.errors import ConflictError, InputError, NothingFoundError

TYPES = ("penalty.applied", "penalty.reversed")


def add(engine: Engine, url: str, types: Sequence[str], allowed: Allowed, *, actor: str) -> tuple[str, str]:
    """Make an endpoint that gets what happens from now on; returns its id and its secret.

    `types`: events it wants; empty: all. Raises InputError for a URL that may not be asked, or an unknown type.
    """
    check_url(url, allowed)
    unknown = sorted(set(types) - set(TYPES))
    if unknown:
        raise InputError(f"no event is called {', '.join(unknown)}; there are {', '.join(TYPES)}")
    endpoint_id, secret, at = f"wh-{secrets.token_hex(8)}", _secret(), clock()
    with writing(engine) as tx:
        last = last_seq(tx)
        row = {
            "endpoint_id": endpoint_id,
            "url": url,
            "types": sorted(set(types)) or None,
            "secret": secret,
            "state": "enabled",
            "cursor": last,
            "created_at": at,
            "created_by": actor,
        }
        tx.execute(insert(endpoints).values(row))
        said = {"url": url, "types": row["types"], "cursor": last}
        audit.append(tx, [Entry(actor, "webhook.added", endpoint_id, said)], at)
    return endpoint_id, secret


def _secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def listed(engine: Engine) -> Sequence[RowMapping]:
    """All endpoints, as `standing` says."""
    with reading(engine) as tx:
        return standing(tx)


def standing(tx: Connection) -> Sequence[RowMapping]:
    """All endpoints without their secrets, with how many events wait for each and how many are dead.

    `tried_from`, `untried_from`: when the oldest of those that wait happened, and the oldest of those after the cursor.
    """
    shown = [c for c in endpoints.c if c.name not in ("secret", "secret_before", "lease")]
    held = waiting.c.endpoint_id == endpoints.c.endpoint_id
    alive = select(func.count()).where(held, waiting.c.dead_at.is_(None)).scalar_subquery().label("waiting")
    dead = select(func.count()).where(held, waiting.c.dead_at.is_not(None)).scalar_subquery().label("dead")
    happened = select(func.min(outbox_table.c.created_at)).join_from(
        outbox_table, waiting, outbox_table.c.seq == waiting.c.seq
    )
    tried = happened.where(held, waiting.c.dead_at.is_(None)).scalar_subquery().label("tried_from")
    after = (outbox_table.c.kind == ENFORCEMENT) & (outbox_table.c.seq > endpoints.c.cursor)
    first = select(outbox_table.c.created_at).where(after).order_by(outbox_table.c.seq).limit(1)
    untried = first.scalar_subquery().label("untried_from")
    found = select(*shown, alive, dead, tried, untried).order_by(endpoints.c.created_at)
    return tx.execute(found).mappings().all()


def find(tx: Connection, endpoint_id: str) -> Row[Any]:
    """An endpoint's row. Raises NothingFoundError."""
    row = tx.execute(select(endpoints).where(endpoints.c.endpoint_id == endpoint_id)).one_or_none()
    if row is None:
        raise NothingFoundError(f"no webhook {endpoint_id}; `shoal webhook list` shows them")
    return row


def rotate(engine: Engine, endpoint_id: str, *, actor: str, overlap: int) -> str:
    """Give an endpoint another secret; for `overlap` microseconds what is sent is signed with both. Returns it."""
    secret, at = _secret(), clock()
    with writing(engine) as tx:
        row = find(tx, endpoint_id)
        values = {"secret": secret, "secret_before": row.secret, "secret_before_until": at + overlap}
        tx.execute(update(endpoints).where(endpoints.c.endpoint_id == endpoint_id).values(values))
        audit.append(tx, [Entry(actor, "webhook.rotated", endpoint_id, {"both_until": at + overlap})], at)
    return secret


def set_state(tx: Connection, endpoint_id: str, state: str, why: str, *, actor: str, at: int) -> None:
    """Enable or disable an endpoint. Raises ConflictError if it is so already. What waits, waits on."""
    row = find(tx, endpoint_id)
    if row.state == state:
        raise ConflictError(f"webhook {endpoint_id} is {state} already")
    values = {"state": state, "failing_since": None}
    tx.execute(update(endpoints).where(endpoints.c.endpoint_id == endpoint_id).values(values))
    audit.append(tx, [Entry(actor, f"webhook.{state}", endpoint_id, {"why": why})], at)


def dead(engine: Engine, endpoint_id: str) -> Sequence[RowMapping]:
    """Events that were given up, oldest first, with why."""
    with reading(engine) as tx:
        find(tx, endpoint_id)
        mine = (waiting.c.endpoint_id == endpoint_id) & waiting.c.dead_at.is_not(None)
        return tx.execute(select(waiting).where(mine).order_by(waiting.c.seq)).mappings().all()


def revive(engine: Engine, endpoint_id: str, *, actor: str) -> int:
    """Try dead events again; returns how many."""
    at = clock()
    with writing(engine) as tx:
        find(tx, endpoint_id)
        mine = (waiting.c.endpoint_id == endpoint_id) & waiting.c.dead_at.is_not(None)
        n = tx.execute(update(waiting).where(mine).values(dead_at=None, attempts=0, next_at=at)).rowcount
        audit.append(tx, [Entry(actor, "webhook.replayed", endpoint_id, {"dead": n})], at)
    return n


def replay(engine: Engine, endpoint_id: str, seq: int, *, actor: str) -> None:
    """Send everything from a serial number on again, in order; also what was received. Raises InputError below 1."""
    if seq < 1:
        raise InputError("serial numbers begin with 1")
    at = clock()
    with writing(engine) as tx:
        row = find(tx, endpoint_id)
        # a batch under way loses its lease: what it was sent counts for nothing any more
        values = {"cursor": min(row.cursor, seq - 1), "lease": None, "leased_until": None}
        tx.execute(update(endpoints).where(endpoints.c.endpoint_id == endpoint_id).values(values))
        tx.execute(delete(waiting).where(waiting.c.endpoint_id == endpoint_id, waiting.c.seq >= seq))
        audit.append(tx, [Entry(actor, "webhook.replayed", endpoint_id, {"from": seq})], at)


def held_from(tx: Connection) -> int | None:
    """The lowest serial number that some endpoint may still be sent; None where there is no endpoint."""
    cursor: int | None = tx.execute(select(func.min(endpoints.c.cursor))).scalar_one()
    if cursor is None:
        return None
    oldest: int | None = tx.execute(select(func.min(waiting.c.seq))).scalar_one()
    return cursor + 1 if oldest is None else min(cursor + 1, oldest)


def unsent(tx: Connection, account_id: str) -> bool:
    """Whether an event of an account may still be sent to some endpoint."""
    cursor = tx.execute(select(func.min(endpoints.c.cursor))).scalar_one()
    if cursor is None:
        return False
    mine = outbox_table.c.payload["account_id"].as_string() == account_id
    later = select(outbox_table.c.seq).where(mine, outbox_table.c.kind == ENFORCEMENT, outbox_table.c.seq > cursor)
    held = select(waiting.c.seq).where(waiting.c.account_id == account_id, waiting.c.dead_at.is_(None))
    return any(tx.execute(found.limit(1)).first() is not None for found in (later, held))


def wants(row: Row[Any], payload: dict[str, Any]) -> bool:
    """Whether an endpoint asked for an event of this type."""
    return row.types is None or payload["type"] in row.types
