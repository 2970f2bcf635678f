"""What routes share: the engine, the caller and their scopes, cursors, and changes that happen once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy import Connection, Engine

from api import actions, audit
from api.auth import Caller
from api.clock import now as clock
from api.door import Door
from api.idempotency import Answer, once
from api.schemas import MAX_PAGE, storable
from api.store import writing
from graph.errors import InputError

_bearer = HTTPBearer(auto_error=False, description="An API key, made by `shoal key create`, or a token (JWT).")


def engine_of(request: Request) -> Engine:
    """The decision store's engine."""
    engine: Engine = request.app.state.engine
    return engine


Store = Annotated[Engine, Depends(engine_of)]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
STORABLE = r"^[^\x00]+$"  # what both engines can store
_BEFORE = "`next_cursor` of the page before"
Cursor = Annotated[str | None, Query(min_length=1, max_length=512, pattern=STORABLE, description=_BEFORE)]
NumberCursor = Annotated[str | None, Query(pattern="^[0-9]{1,18}$", description=_BEFORE)]
PathId = Annotated[str, Path(min_length=1, max_length=512, pattern=STORABLE)]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", description="Names this change: sent again, it happens once. Required.")
]
IfNoneMatch = Annotated[str | None, Header(description="ETags of answers that the caller has")]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not Modified"}}


def tagged(body: Any, if_none_match: str | None) -> Response:
    """An answer with its ETag, or 304 for a caller who has it."""
    data = to_json(body)
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if if_none_match is not None and etag in [tag.strip() for tag in if_none_match.split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="application/json", headers=headers)


def caller_with(scope: str) -> Callable[..., Caller]:
    """A dependency: the caller, who must have the scope."""

    def dependency(
        request: Request, _shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        door: Door = request.app.state.door
        caller = door.let_in(request.scope, request.headers.get("authorization"), scope)
        request.state.caller = caller.key_id or "token"  # for the log line
        return caller

    return dependency


def id_in_path(value: str) -> str:
    """An id taken from the path. Raises InputError if no engine can store it."""
    if not 1 <= len(value) <= 512:
        raise InputError("an id has 1 to 512 characters")
    try:
        return storable(value)
    except ValueError as error:
        raise InputError(f"an id {error}") from error


def number(cursor: str | None, start: int | None) -> int | None:
    """A numeric cursor, or `start` without one. Raises InputError."""
    if cursor is None:
        return start
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InputError("this is not a cursor of this list")
    return int(cursor)


def text_cursor(cursor: str | None) -> str | None:
    """A cursor that is an id. Raises InputError."""
    return None if cursor is None else id_in_path(cursor)


def change(
    request: Request,
    engine: Engine,
    caller: Caller,
    key: str | None,
    body: BaseModel | None,
    effect: Callable[[Connection, int], Answer],
) -> JSONResponse:
    """Answer a request that changes something, once per Idempotency-Key.

    An effect that finds a preview outdated marks its action so before the error goes on.
    """
    content: dict[str, Any] = {} if body is None else body.model_dump(mode="json")
    fingerprint = {"method": request.method, "path": request.url.path, "body": content}
    state = request.app.state
    try:
        with audit.by_credential(caller.trace):
            answer = once(
                engine,
                state.in_flight,
                caller=caller.name,
                key=key,
                request=fingerprint,
                effect=effect,
                days=state.idempotency_days,
            )
    except actions.DriftError as error:
        with audit.by_credential(caller.trace), writing(engine) as tx:
            actions.outdate(tx, error, actor=caller.name, at=clock())
        raise
    headers = {}
    if answer.location is not None:
        headers["Location"] = answer.location
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(answer.body, answer.status, headers=headers)
