"""What happened: the enforcement feed, the audit log, and whether the service is well."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import select

from api import networks, outbox
from api.answers import AuditPage, FeedPage, Health
from api.auth import Caller
from api.problems import RESPONSES
from api.routes.access import Cursor, Limit, Store, caller_with, number
from api.store import reading
from api.tables import audit
from graph.errors import UnavailableError

router = APIRouter(tags=["records"])


@router.get("/v1/feed", response_model=FeedPage, responses=RESPONSES)
def feed(
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("verdict:read"))],
    cursor: Cursor = None,
    limit: Limit = 500,
) -> dict[str, Any]:
    """Enforcement events in order, from the beginning or after a cursor: penalties applied and reversed."""
    after = number(cursor, 0) or 0
    with reading(store) as tx:
        rows = outbox.feed(tx, after, limit)
    return {"events": [row["payload"] for row in rows], "next_cursor": str(rows[-1]["seq"] if rows else after)}


@router.get("/v1/audit", response_model=AuditPage, responses=RESPONSES)
def audit_log(
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("audit:read"))],
    cursor: Cursor = None,
    limit: Limit = 500,
) -> dict[str, Any]:
    """The audit log in order, with its hashes."""
    after = number(cursor, 0) or 0
    with reading(store) as tx:
        rows = [
            dict(r)
            for r in tx.execute(select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)).mappings()
        ]
    return {"rows": rows, "next_cursor": str(rows[-1]["seq"]) if len(rows) == limit else None}


@router.get("/healthz", response_model=Health)
def alive() -> dict[str, Any]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz", response_model=Health, responses={503: RESPONSES[503]})
def ready(store: Store) -> dict[str, Any]:
    """The decision store answers and something is published."""
    with reading(store) as tx:
        current = networks.publication(tx)
    if current is None:
        raise UnavailableError("nothing is published yet")
    return {"status": "ok", "run_id": current.run_id}
