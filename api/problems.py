"""Errors as RFC 9457 problem details: every error class mapped to a status, once, here."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from asgi_correlation_id import correlation_id
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from api.auth import UnauthenticatedError
from api.idempotency import InFlightError, KeyMissingError
from api.outbox import GoneError
from api.rates import RateError
from graph.errors import (
    ConflictError,
    DeniedError,
    InputError,
    IntegrityError,
    NothingFoundError,
    ShoalError,
    UnavailableError,
)

MEDIA_TYPE = "application/problem+json"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_log = logging.getLogger("shoal.api")

# the first that fits counts: subclasses before their parents
STATUS: tuple[tuple[type[ShoalError], int, str], ...] = (
    (RateError, 429, "rate-limited"),
    (UnauthenticatedError, 401, "unauthenticated"),
    (DeniedError, 403, "denied"),
    (NothingFoundError, 404, "not-found"),
    (KeyMissingError, 400, "idempotency-key-missing"),
    (GoneError, 410, "gone"),
    (InputError, 422, "invalid"),
    (InFlightError, 409, "in-flight"),
    (ConflictError, 409, "conflict"),
    (UnavailableError, 503, "unavailable"),
    (IntegrityError, 500, "integrity"),
    (ShoalError, 500, "internal"),
)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str | None = None
    request_id: str | None = None
    errors: list[dict[str, Any]] | None = None


def problem(
    status: int, code: str, detail: str | None, *, headers: Mapping[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem+json response."""
    body: dict[str, Any] = {"type": f"urn:shoal:problem:{code}", "title": HTTPStatus(status).phrase, "status": status}
    if detail is not None:
        body["detail"] = detail
    if correlation_id.get() is not None:
        body["request_id"] = correlation_id.get()
    return JSONResponse({**body, **more}, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def of_error(error: ShoalError) -> JSONResponse:
    """The problem a Shoal error is answered with. Faults of ours say no more than that they are."""
    status, code = next((status, code) for kind, status, code in STATUS if isinstance(error, kind))
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="shoal"'
    if isinstance(error, RateError):
        headers["Retry-After"] = str(error.retry_after)
    elif code in ("in-flight", "unavailable"):
        headers["Retry-After"] = "1"
    return problem(status, code, str(error) if status != 500 else None, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""

    @app.exception_handler(ShoalError)
    async def _shoal(_request: Request, error: ShoalError) -> Response:
        if isinstance(error, IntegrityError):
            _log.error("integrity: %s", error)
        for note in getattr(error, "__notes__", ()):
            _log.warning("%s; %s", error, note)
        return of_error(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = [{"where": ".".join(map(str, e["loc"])), "what": e["msg"]} for e in error.errors()]
        return problem(422, "invalid", "the request is not what this operation takes", errors=faults)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        headers = {"Allow": _methods(app, request)} if error.status_code == 405 else error.headers
        return problem(error.status_code, code, None, headers=headers)

    @app.exception_handler(Exception)
    async def _ours(request: Request, error: Exception) -> Response:
        route = getattr(request.scope.get("route"), "path", "(none)")  # never the path: account ids are in it
        _log.error("%s %s failed: %s", request.method, route, type(error).__name__, exc_info=error)
        return problem(500, "internal", None, headers=HEADERS)


def _methods(app: FastAPI, request: Request) -> str:
    """The methods of a path: of all routes of the template that says most of it, not of the first that fits."""
    found: dict[str, set[str]] = {}
    for route in app.state.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found.setdefault(route.path, set()).update(route.methods or ())
    said = max(found, key=lambda template: len(re.sub(r"\{.*?\}", "", template)), default=None)
    return ", ".join(sorted(found[said])) if said is not None else ""


_USUAL = (400, 401, 403, 404, 409, 413, 415, 422, 429, 431, 503)


def described(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problems in the OpenAPI document, by status."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


RESPONSES = described(*_USUAL)
RESPONSES[429]["headers"] = {
    "Retry-After": {"description": "Seconds until the same would be let through", "schema": {"type": "integer"}}
}
