"""Traces, where a collector is named: a span for each request and for each statement, sent by OTLP over HTTP.

Spans name routes and statements, never what was asked of them: paths, queries and client addresses are taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from sqlalchemy import Engine

from graph.errors import InputError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

KEPT = frozenset(
    {
        *("http.method", "http.request.method", "http.route", "http.scheme"),
        *("http.status_code", "http.response.status_code", "error.type"),
        *("db.system", "db.system.name", "db.statement", "db.query.text", "db.operation.name"),
    }
)


def trace(app: FastAPI, engine: Engine, endpoint: str) -> Any:
    """Send spans of the application and its store to a collector; returns the provider, to be shut down at the end.

    Raises InputError where the packages are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InputError(
            "environment: SHOAL_OTLP_ENDPOINT needs the extra `traces`: install shoal[api,traces]"
        ) from error

    class Discreet(OTLPSpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> Any:
            return super().export([_discreet(span) for span in spans])

    provider = TracerProvider(resource=Resource.create({"service.name": "shoal"}))
    provider.add_span_processor(BatchSpanProcessor(Discreet(endpoint=f"{endpoint.rstrip('/')}/v1/traces")))
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider)
    SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=provider, skip_dep_check=True)
    return provider


def _discreet(span: ReadableSpan) -> ReadableSpan:
    """A span without what could name somebody."""
    from opentelemetry.sdk.trace import ReadableSpan as Span

    kept = {name: value for name, value in (span.attributes or {}).items() if name in KEPT}
    route = kept.get("http.route")
    name = f"{span.name.partition(' ')[0]} {route}" if route else span.name.partition("/")[0].strip() or "request"
    return Span(
        name=name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=kept,
        events=(),
        links=span.links,
        kind=span.kind,
        status=span.status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
