"""Log lines: one a request and one for each thing that went wrong, as JSON or for a console, to standard error.

A line never holds what a request was about: no path (account ids are in it), no query, no body, no key; the route's
template and the key's id say enough. What looks like a secret is taken out of whatever else is logged, tracebacks
included, because libraries put connection strings and headers into their messages.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from asgi_correlation_id import correlation_id

HIDDEN = "(hidden)"
_SECRETS = (
    re.compile(r"shoal_[0-9a-z]+_[0-9a-z]+", re.IGNORECASE),  # our keys
    re.compile(r"whsec_[A-Za-z0-9+/=_-]+"),  # secrets of webhooks
    re.compile(r"eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),  # tokens
    re.compile(r"(?i)(?<=bearer )\S+|(?<=basic )\S+"),
    re.compile(r"(?i)(?<=://)[^\s/@:]*:[^\s/@]*(?=@)"),  # user and password of a URL
    re.compile(r"(?i)(?<=password[=:])\s*\S+"),
    re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"\[parameters: .*", re.DOTALL),  # what SQLAlchemy says of a statement's values
)


def without_secrets(text: str) -> str:
    """A text, with what looks like a secret hidden."""
    for pattern in _SECRETS:
        text = pattern.sub(HIDDEN, text)
    return text


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose lines have fields. Where nothing is configured it is as silent as the standard library's."""
    made: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            *_said(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return made


def configure(form: str, level: str) -> None:
    """Send this process's log lines to standard error. `form`: json or console; `level`: the least that is shown."""
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_said(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _hide,
                last,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = name != "uvicorn.access"
    for noisy in ("httpx", "httpcore", "sqlalchemy.engine", "alembic", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _said() -> list[structlog.typing.Processor]:
    """What every line says: who logs, how grave it is, when, and in which request."""
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _request_id,
    ]


def _request_id(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if correlation_id.get() is not None:
        event.setdefault("request_id", correlation_id.get())
    return event


def _hide(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Hide secrets in whatever a line holds."""
    return {name: _hidden(value) for name, value in event.items()}


def _hidden(value: Any) -> Any:
    if isinstance(value, (bool, int, float, type(None))):
        return value
    if isinstance(value, dict):
        return {str(k): _hidden(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_hidden(v) for v in value]
    return without_secrets(str(value))
