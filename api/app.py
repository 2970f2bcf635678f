"""The HTTP application. Importing it loads no graph engine, no model library and no DuckDB."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from prometheus_client.registry import CollectorRegistry
from sqlalchemy import Engine
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import problems
from api.door import Door, proxies
from api.forms import FormCheck, HeaderLimit
from api.idempotency import InFlight
from api.metrics import StoreMetrics
from api.middleware import BodyLimit, SecurityHeaders
from api.observing import Observed, Requests
from api.routes import actions, health, networks, policies, records, reviews, switch, verdicts
from api.runner import Runner
from graph.settings import settings

VERSION = "1"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")  # what is taken from a caller; another is made instead


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
        if spans is not None:
            spans.shutdown()
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
    app.state.registry = CollectorRegistry()
    app.state.registry.register(StoreMetrics(engine))
    problems.install(app)
    app.add_middleware(FormCheck)
    app.add_middleware(BodyLimit)
    app.add_middleware(HeaderLimit)
    app.add_middleware(Observed, requests=Requests(app.state.registry))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(CorrelationIdMiddleware, validator=lambda given: REQUEST_ID.fullmatch(given) is not None)
    if trusted := proxies(given.trusted_proxies):
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=trusted)
    rooms = (verdicts, networks, actions, switch, reviews, policies, records, health)
    for routes in rooms:
        app.include_router(routes.router)
    app.state.routes = [route for routes in rooms for route in routes.router.routes]
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    spans = _traced(app, engine)
    return app


def _traced(app: FastAPI, engine: Engine) -> Any:
    """What sends traces, where a collector is named."""
    endpoint = settings().otlp_endpoint
    if endpoint is None:
        return None
    from api.traces import trace

    return trace(app, engine, endpoint)


def _document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with problem details as the form of every error."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        document["components"]["schemas"]["Problem"] = problems.Problem.model_json_schema()
        _require_keys(document)
        app.openapi_schema = document
    return app.openapi_schema


def _require_keys(document: dict[str, Any]) -> None:
    """Say of every Idempotency-Key that it is required: the code takes none, to answer its lack in its own words."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "Idempotency-Key":
                    parameter["required"] = True
                    parameter["schema"] = {"type": "string", "pattern": "^[!-~]{1,255}$"}
