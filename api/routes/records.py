"""What happened: the enforcement feed and the audit log."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy import select

from api import checkpoint, outbox, penalties
from api.answers import AuditPage, Checkpoint, FeedPage, PenaltyPage
from api.auth import Caller
from api.clock import now as clock
from api.problems import RESPONSES, described
from api.routes.access import STORABLE, Cursor, Limit, NumberCursor, Store, caller_with, id_in_path, number, text_cursor
from api.store import reading
from api.tables import audit
from graph.errors import ConflictError
from graph.settings import settings

router = APIRouter(tags=["records"])
Exactly = Annotated[str | None, Query(min_length=1, max_length=512, pattern=STORABLE)]


@router.get("/v1/feed", response_model=FeedPage, responses={**RESPONSES, **described(410)})
def feed(
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("verdict:read"))],
    cursor: NumberCursor = None,
    limit: Limit = 500,
) -> dict[str, Any]:
    """Enforcement events in order, from the beginning or after a cursor: penalties applied and reversed."""
    after = number(cursor, 0) or 0
    with reading(store) as tx:
        rows = outbox.feed(tx, after, limit)
    events = [{"seq": row["seq"], **row["payload"]} for row in rows]
    return {"events": events, "next_cursor": str(rows[-1]["seq"] if rows else after)}


@router.get("/v1/penalties", response_model=PenaltyPage, responses=RESPONSES)
def in_force(
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("verdict:read"))],
    cursor: Cursor = None,
    limit: Limit = 500,
) -> dict[str, Any]:
    """Every account with a penalty in force now: where a consumer begins.

    Go on with the feed from the `next_feed_cursor` of the FIRST page: what happens meanwhile is then told again, never
    missed.
    """
    with reading(store) as tx:
        feed_cursor = outbox.last_seq(tx)  # before the penalties: what is newer is in the feed after it
        found = penalties.page(tx, text_cursor(cursor), limit, clock())
    told = [{"account_id": name, **held.told()} for name, held in found]
    following = found[-1][0] if len(found) == limit else None
    return {"penalties": told, "next_cursor": following, "next_feed_cursor": str(feed_cursor)}


@router.get("/v1/audit", response_model=AuditPage, responses=RESPONSES)
def audit_log(
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("audit:read"))],
    cursor: NumberCursor = None,
    limit: Limit = 500,
    actor: Exactly = None,
    event: Exactly = None,
    subject: Exactly = None,
    since: Annotated[int | None, Query(ge=0, le=1 << 62, description="microseconds UTC")] = None,
    until: Annotated[int | None, Query(ge=0, le=1 << 62, description="microseconds UTC, exclusive")] = None,
) -> dict[str, Any]:
    """The audit log in order, with its hashes; only rows of an actor, event, subject or time, where asked."""
    after = number(cursor, 0) or 0
    found = select(audit).where(audit.c.seq > after)
    for column, value in ((audit.c.actor, actor), (audit.c.event, event), (audit.c.subject, subject)):
        if value is not None:
            found = found.where(column == id_in_path(value))
    if since is not None:
        found = found.where(audit.c.at >= since)
    if until is not None:
        found = found.where(audit.c.at < until)
    with reading(store) as tx:
        rows = [dict(r) for r in tx.execute(found.order_by(audit.c.seq).limit(limit)).mappings()]
    return {"rows": rows, "next_cursor": str(rows[-1]["seq"]) if len(rows) == limit else None}


@router.get("/v1/audit/checkpoint", response_model=Checkpoint, responses=RESPONSES)
def audit_checkpoint(store: Store, _caller: Annotated[Caller, Depends(caller_with("audit:read"))]) -> dict[str, Any]:
    """How long the audit log is and how it ends, verified now and signed: keep it where nobody here can change it."""
    path = settings().audit_key
    if path is None:
        raise ConflictError("this server has no key to sign checkpoints with (SHOAL_AUDIT_KEY)")
    return checkpoint.make(store, checkpoint.private_key(path))
