"""Verdicts: of one account, of many, and their history."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic_core import to_json

from api import verdicts
from api.answers import AccountVerdict, Batch, History
from api.auth import Caller
from api.clock import now as clock
from api.problems import RESPONSES
from api.routes.access import (
    UNCHANGED,
    IfNoneMatch,
    Limit,
    NumberCursor,
    PathId,
    Store,
    caller_with,
    id_in_path,
    number,
    tagged,
)
from api.schemas import BatchGet
from api.store import reading

router = APIRouter(tags=["verdicts"], responses=RESPONSES)
Reader = Annotated[Caller, Depends(caller_with("verdict:read"))]


@router.get(
    "/v1/accounts/{account_id:path}/verdict",
    response_model=AccountVerdict,
    responses=UNCHANGED,
)
def account_verdict(account_id: PathId, store: Store, _caller: Reader, if_none_match: IfNoneMatch = None) -> Response:
    """The account's present tier, verdict and penalty; an unknown account is `known: false`."""
    name = id_in_path(account_id)
    with reading(store) as tx:
        body = verdicts.of_accounts(tx, [name], clock())[name]
    return tagged(body, if_none_match)


@router.get("/v1/accounts/{account_id:path}/verdicts", response_model=History)
def account_history(
    account_id: PathId, store: Store, _caller: Reader, cursor: NumberCursor = None, limit: Limit = 50
) -> dict[str, Any]:
    """Every verdict version of the account, newest first."""
    name, before = id_in_path(account_id), number(cursor, None)
    with reading(store) as tx:
        page = verdicts.history(tx, "account", name, before, limit)
    return {"versions": page, "next_cursor": str(page[-1]["version"]) if len(page) == limit else None}


@router.post("/v1/verdicts:batchGet", response_model=Batch)
def batch(request: Request, body: BatchGet, store: Store, caller: Reader) -> Response:
    """Verdicts of up to 1,000 accounts, one item for each id asked, in the order asked."""
    request.app.state.door.spend(request.scope, "items", caller.name, cost=len(body.account_ids))
    wanted = sorted(set(body.account_ids))
    with reading(store) as tx:
        found = verdicts.of_accounts(tx, wanted, clock())
    return Response(to_json({"verdicts": [found[name] for name in body.account_ids]}), media_type="application/json")
