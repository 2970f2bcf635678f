"""The HTTP application. Importing it loads no graph engine, no model library and no DuckDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy import Engine
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import problems
from api.door import Door, proxies
from api.forms import FormCheck, HeaderLimit
from api.idempotency import InFlight
from api.middleware import BodyLimit, SecurityHeaders
from api.routes import actions, networks, records, reviews, switch, verdicts
from api.runner import Runner
from graph.settings import settings

VERSION = "1"


def create_app(engine: Engine, *, carry_out: bool = True) -> FastAPI:
    """The application on a decision store whose schema is up to date, with who may come in as the settings say.

    `carry_out`: whether this process carries network actions out itself (a worker does in any case).
    Raises InputError if a setting is not usable.
    """
    runner, given = Runner(engine), settings()
    door = Door.of(engine, given)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        door.last_uses.start()
        if carry_out:
            runner.start()
        yield
        if carry_out:
            runner.stop()
        door.last_uses.stop()
        engine.dispose()

    app = FastAPI(
        title="Shoal",
        version=VERSION,
        summary="Verdicts on accounts and networks, and reversible actions on whole networks.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.engine, app.state.in_flight, app.state.wake = engine, InFlight(), runner.wake
    app.state.door, app.state.idempotency_days = door, given.idempotency_days
    problems.install(app)
    app.add_middleware(FormCheck)
    app.add_middleware(BodyLimit)
    app.add_middleware(HeaderLimit)
    app.add_middleware(SecurityHeaders)
    if trusted := proxies(given.trusted_proxies):
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    for routes in (verdicts, networks, actions, switch, reviews, records):
        app.include_router(routes.router)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with problem details as the form of every error."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        document["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
        app.openapi_schema = document
    return app.openapi_schema
