"""How much a caller may ask: sliding windows by `limits`, counted in this process, or in Redis for all of them.

Four quotas, each by SHOAL_RATE_*: `reads` and `writes` count requests, `items` accounts asked for in batches, all three
by caller (all keys and tokens of a person together); `failures` counts wrong credentials by address. What halts has
the rate of writes and a count of its own, so that no other work can use up the emergency stop.

The counter is that of the window now and, by the share of it that is still within reach, that of the one before.
"""

from __future__ import annotations

import logging
import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from graph.errors import InputError, ShoalError
from graph.settings import Settings

OFF = "off"
_log = logging.getLogger("shoal.rates")


class RateError(ShoalError):
    """The caller asked for more than a quota allows. `retry_after`: seconds until the same would be let through."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Standing:
    """A quota after a request: how much is left, and in how many seconds there is more."""

    name: str
    quota: int
    window: int
    left: int
    reset: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit, in the form of draft-ietf-httpapi-ratelimit-headers-10."""
        policy = f'"{self.name}";q={self.quota};w={self.window}'
        return [
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f'"{self.name}";r={self.left};t={self.reset}'.encode()),
        ]


class Rates:
    """The quotas of one application."""

    def __init__(self, quotas: dict[str, str], storage: str = "memory://") -> None:
        self._items = {name: _quota(name, said) for name, said in quotas.items() if said.strip().lower() != OFF}
        try:
            made = storage_from_string(storage, wrap_exceptions=True)
        except ConfigurationError as error:
            # the message names packages, or the whole address, which may hold a password
            said = "unknown storage scheme" if storage in str(error) else str(error)
            raise InputError(f"SHOAL_RATE_STORAGE: {said}") from None
        self._limiter = SlidingWindowCounterRateLimiter(made)
        self._complained = float("-inf")

    def spend(self, name: str, who: str, cost: int = 1) -> Standing | None:
        """Count `cost` against a caller's quota; None where there is no such quota.

        Where the storage does not answer, everybody is let through, and the log says so: verdicts matter more.
        Raises RateError if the quota does not allow it.
        """
        item = self._items.get(name)
        if item is None:
            return None
        try:
            allowed = self._limiter.hit(item, name, who, cost=cost)
            reset, left = self._limiter.get_window_stats(item, name, who)
        except StorageError as error:
            self._complain(error)
            return None
        window, wait = item.get_expiry(), max(0.0, reset - time.time())
        if not allowed:
            needs = max(0, cost - left) * window / item.amount
            seconds = max(1, math.ceil(min(wait + needs, 2 * window)))
            raise RateError(f"this is more than the quota of {name} allows: {item}", seconds)
        return Standing(name, item.amount, window, left, math.ceil(wait))

    def _complain(self, error: StorageError) -> None:
        now = time.monotonic()
        if now - self._complained > 60:
            self._complained = now
            _log.error("rates are not limited: the storage does not answer (%s)", type(error.storage_error).__name__)


def of_settings(given: Settings) -> Rates:
    """The quotas that the settings name. Raises InputError."""
    quotas = {
        "reads": given.rate_reads,
        "items": given.rate_items,
        "writes": given.rate_writes,
        "halts": given.rate_writes,
        "failures": given.rate_failures,
    }
    return Rates(quotas, given.rate_storage.get_secret_value())


def _quota(name: str, said: str) -> RateLimitItem:
    try:
        return parse(said)
    except ValueError as error:
        setting = f"SHOAL_RATE_{'writes' if name == 'halts' else name}".upper()
        raise InputError(f"{setting}: {said!r} is no rate; write 600/minute, 5/10 seconds, or off") from error
