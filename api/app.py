"""The HTTP application. Importing it loads no graph engine, no model library and no DuckDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from sqlalchemy import Engine

from api import problems
from api.idempotency import InFlight
from api.middleware import BodyLimit, SecurityHeaders
from api.routes import actions, networks, records, reviews, switch, verdicts
from api.runner import Runner

VERSION = "1"


def create_app(engine: Engine, *, carry_out: bool = True) -> FastAPI:
    """The application on a decision store whose schema is up to date.

    `carry_out`: whether this process carries network actions out itself (a worker does in any case).
    """
    runner = Runner(engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if carry_out:
            runner.start()
        yield
        if carry_out:
            runner.stop()
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
    problems.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders)
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
