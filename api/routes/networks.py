"""Networks of the current publication: the list, and one with members and evidence."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api import audit, networks, verdicts
from api.answers import History, NetworkDetail, NetworkPage, NetworkVerdict
from api.auth import Caller
from api.clock import now as clock
from api.problems import RESPONSES
from api.routes.access import (
    STORABLE,
    UNCHANGED,
    Cursor,
    IfNoneMatch,
    Limit,
    NumberCursor,
    PathId,
    Store,
    caller_with,
    id_in_path,
    number,
    tagged,
    text_cursor,
)
from api.store import reading, writing

router = APIRouter(tags=["networks"], responses=RESPONSES)


@router.get("/v1/networks", response_model=NetworkPage)
def list_networks(
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("verdict:read"))],
    cursor: Cursor = None,
    limit: Limit = 100,
    min_tier: Annotated[Literal["none", "watch", "warn", "restrict", "ban"] | None, Query()] = None,
    min_size: Annotated[int | None, Query(ge=0, le=(1 << 31) - 1)] = None,
    account_id: Annotated[str | None, Query(min_length=1, max_length=512, pattern=STORABLE)] = None,
) -> dict[str, Any]:
    """Networks in order of their ids; filtered by their tier, size, or a member."""
    member = None if account_id is None else id_in_path(account_id)
    with reading(store) as tx:
        page = networks.listed(
            tx,
            after=text_cursor(cursor),
            limit=limit,
            min_tier=min_tier,
            min_size=min_size,
            account_id=member,
            at=clock(),
        )
    return {"networks": page, "next_cursor": page[-1]["network_id"] if len(page) == limit else None}


@router.get("/v1/networks/{network_id:path}/verdicts", response_model=History)
def network_history(
    network_id: PathId,
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("verdict:read"))],
    cursor: NumberCursor = None,
    limit: Limit = 50,
) -> dict[str, Any]:
    """Every verdict version of the network, newest first."""
    name, before = id_in_path(network_id), number(cursor, None)
    with reading(store) as tx:
        page = verdicts.history(tx, "network", name, before, limit)
    return {"versions": page, "next_cursor": str(page[-1]["version"]) if len(page) == limit else None}


@router.get("/v1/networks/{network_id:path}/verdict", response_model=NetworkVerdict, responses=UNCHANGED)
def network_verdict(
    network_id: PathId,
    store: Store,
    _caller: Annotated[Caller, Depends(caller_with("verdict:read"))],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The network's present tier and verdict; one that is not in the current publication is `known: false`."""
    name = id_in_path(network_id)
    with reading(store) as tx:
        return tagged(networks.verdict(tx, name, clock()), if_none_match)


@router.get("/v1/networks/{network_id:path}", response_model=NetworkDetail, responses=UNCHANGED)
def network(
    network_id: PathId,
    store: Store,
    caller: Annotated[Caller, Depends(caller_with("evidence:read"))],
    cursor: Cursor = None,
    limit: Limit = 100,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A network with a page of its members and its evidence.

    Objects on private ground are redacted; a caller with `private:read` sees them, and the audit log says so.
    """
    name, private, at = id_in_path(network_id), "private:read" in caller.scopes, clock()
    with reading(store) as tx:
        found = networks.one(tx, name, after=text_cursor(cursor), limit=limit, private=private, at=at)
    if private and any(act["private"] for act in found["evidence"]):
        with audit.by_credential(caller.trace), writing(store) as tx:
            entry = audit.Entry(caller.name, "evidence.private_read", name, {"run_id": found["run_id"]})
            audit.append(tx, [entry], at)
    return tagged(found, if_none_match)
