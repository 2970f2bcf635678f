"""What every request leaves: a log line and a measurement."""

from __future__ import annotations

import time

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.registry import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.logs import logger

BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)  # seconds
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = logger("shoal.request")


class Requests:
    """Metrics of requests, by route, method and status; never by path, which would name accounts."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "shoal_http_request_seconds",
            "Time to answer a request",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.under_way = Gauge("shoal_http_requests_in_flight", "Requests being answered", registry=registry)
        self.limited = Counter("shoal_http_rate_limited_total", "Requests refused by a rate limit", registry=registry)


class Observed:
    """Measure and log each request."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self.app, self.requests = app, requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, sent = time.perf_counter(), 500, 0
        state = scope.setdefault("state", {})

        async def watched(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        self.requests.under_way.inc()
        try:
            await self.app(scope, receive, watched)
        finally:
            took = time.perf_counter() - start
            self.requests.under_way.dec()
            route = getattr(scope.get("route"), "path", None) or "(none)"
            method = scope["method"] if scope["method"] in METHODS else "(other)"
            self.requests.seconds.labels(method, route, str(status)).observe(took)
            if status == 429:
                self.requests.limited.inc()
            _log.info(
                "request",
                method=method,
                route=route,
                status=status,
                ms=round(took * 1000, 2),
                bytes=sent,
                credential=state.get("caller"),
            )
