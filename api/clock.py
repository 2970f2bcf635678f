"""Time, in the one form the decision store keeps: int64 microseconds UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000  # lengths of time, in microseconds
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> int:
    """The present, microseconds UTC."""
    return time.time_ns() // 1000


@lru_cache(4096)  # one publication judges thousands at the same time
def iso(at: int) -> str:
    """RFC 3339 text of a time, with microseconds: `2026-11-22T10:15:00.000000Z`."""
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def iso_or_none(at: int | None) -> str | None:
    """The text of a time that may be missing."""
    return None if at is None else iso(at)
