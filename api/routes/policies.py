"""Policies over HTTP: submitting, comparing, activating."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from api import candidates, judging, shadows
from api.answers import PolicyDetail, PolicyPage, ShadowPage
from api.auth import Caller
from api.idempotency import Answer
from api.problems import RESPONSES
from api.routes.access import Cursor, IdempotencyKey, Limit, PathId, Store, caller_with, change, id_in_path, text_cursor
from api.schemas import Activation, Because, Submission
from api.store import reading
from graph.errors import NothingFoundError

router = APIRouter(tags=["policies"], responses=RESPONSES)
Reader = Annotated[Caller, Depends(caller_with("policy:read"))]
Writer = Annotated[Caller, Depends(caller_with("policy:write"))]
Activator = Annotated[Caller, Depends(caller_with("policy:activate"))]
PolicyCursor = Annotated[str | None, Query(pattern=r"^[0-9]{1,18}\.[0-9a-f]{64}$")]


@router.get("/v1/policies", response_model=PolicyPage)
def list_policies(store: Store, _caller: Reader, cursor: PolicyCursor = None, limit: Limit = 20) -> dict[str, Any]:
    """Policies, newest first, with what people did to them and how each candidate compares now."""
    before = None if cursor is None else candidates.place(cursor)
    with reading(store) as tx:
        rows = candidates.page(tx, before, limit)
        told = candidates.described(tx, rows)
    following = f"{rows[-1].added_at}.{rows[-1].sha256}" if len(rows) == limit else None
    return {"policies": told, "next_cursor": following}


@router.post("/v1/policies", status_code=201, response_model=PolicyDetail)
def submit(
    request: Request, body: Submission, store: Store, caller: Writer, idempotency_key: IdempotencyKey = None
) -> JSONResponse:
    """Submit a policy: every publication compares it with the one in use, until it is activated or withdrawn."""

    def effect(tx: Connection, at: int) -> Answer:
        sha256 = candidates.submit(tx, body.text, actor=caller.name, reason=body.reason, at=at)
        return Answer(201, candidates.one(tx, sha256), f"/v1/policies/{sha256}")

    return change(request, store, caller, idempotency_key, body, effect)


@router.get("/v1/policies/{sha256}", response_model=PolicyDetail)
def policy(sha256: PathId, store: Store, _caller: Reader) -> dict[str, Any]:
    """A policy with its text."""
    with reading(store) as tx:
        return candidates.one(tx, id_in_path(sha256))


@router.get("/v1/policies/{sha256}/shadow", response_model=ShadowPage)
def shadow(sha256: PathId, store: Store, _caller: Reader, cursor: Cursor = None, limit: Limit = 100) -> dict[str, Any]:
    """How a candidate compares at the present publication, and a page of whom it would judge otherwise."""
    after, sha256 = text_cursor(cursor), id_in_path(sha256)
    with reading(store) as tx:
        current = judging.publication(tx)
        found = None if current is None else shadows.at_publication(tx, current.publication_id, sha256)
        page = shadows.changes(tx, sha256, after, limit)
    if found is None:
        raise NothingFoundError(f"policy {sha256} was not compared at the present publication")
    return {
        "shadow": found,
        "changes": page,
        "next_cursor": page[-1]["account_id"] if len(page) == limit else None,
    }


@router.post("/v1/policies/{sha256}:withdraw", response_model=PolicyDetail)
def withdraw(
    request: Request,
    sha256: PathId,
    body: Because,
    store: Store,
    caller: Writer,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Take a candidate back; it can be submitted again."""

    def effect(tx: Connection, at: int) -> Answer:
        candidates.withdraw(tx, id_in_path(sha256), actor=caller.name, reason=body.reason, at=at)
        return Answer(200, candidates.one(tx, sha256))

    return change(request, store, caller, idempotency_key, body, effect)


@router.post("/v1/policies/{sha256}:activate", response_model=PolicyDetail)
def activate(
    request: Request,
    sha256: PathId,
    body: Activation,
    store: Store,
    caller: Activator,
    idempotency_key: IdempotencyKey = None,
) -> JSONResponse:
    """Make a candidate the policy of the publications to come; not by who submitted it.

    `publication_id` is the one in the shadow that was read: one that is not the present one any more is refused.
    """

    def effect(tx: Connection, at: int) -> Answer:
        candidates.activate(
            tx, id_in_path(sha256), publication_id=body.publication_id, actor=caller.name, reason=body.reason, at=at
        )
        return Answer(200, candidates.one(tx, sha256))

    return change(request, store, caller, idempotency_key, body, effect)
