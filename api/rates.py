"""How much a caller may ask: sliding windows by `limits`, counted in this process, or in Redis for all of them.

Four quotas, each by SHOAL_RATE_*: `reads` and `writes` count requests, `items` accounts asked for in batches, all three
by caller (all keys and tokens of a person together); `failures` counts wrong credentials by address. What halts has
the rate of writes and a count of its own, so that no other work can use up the emergency stop.

The counter is that of the window now and, by the share of it that is still within reach, that of the one before.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItem, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from graph.errors import InputError, ShoalError
from graph.settings import Settings

OFF = "off"
MEMORY = "memory://"
_TICK = 1e-6
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


@dataclass(frozen=True)
class Window:
    """A sliding window: `amount` in `length` seconds.

    `before` was counted in the window before, of which `reach` seconds still are in reach; `now` in this one, which has
    `rest` seconds to go. What counts is `before * reach / length + now`, rounded down.
    """

    amount: int
    length: int
    before: int
    reach: float
    now: int
    rest: float

    def left(self) -> int:
        """How much may be spent at once."""
        return max(0, self.amount - math.floor(self.before * self.reach / self.length + self.now))

    def wait(self, cost: int) -> float:
        """Seconds until `cost` may be spent, if nobody spends meanwhile; of what never may, until all is free."""
        if cost > self.amount:
            return self.rest + self.length if self.now else self.reach
        room = self.amount - cost + 1  # what counts must stay under it
        if self.now < room:
            if not self.before:
                return 0.0
            return max(0.0, self.reach - (room - self.now) * self.length / self.before + _TICK)
        return self.rest + max(0.0, self.length - room * self.length / self.now + _TICK)


class Counters(MemoryStorage):
    """Counters in this process. Differs from its parent in what cleaning up costs.

    The parent starts a thread for it with nearly every request, which on the way to a verdict takes ten times as long
    as the counting. Here a request that finds the last sweep a minute old sweeps.
    """

    STORAGE_SCHEME = []  # no address names it  # noqa: RUF012
    SWEEP = 60.0

    def __init__(self) -> None:
        super().__init__()
        self._one_by_one, self._swept = threading.Lock(), time.time()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count up; a new counter lives `expiry` seconds."""
        now = time.time()
        with self._one_by_one:
            if now - self._swept > self.SWEEP:
                self._sweep(now)
            if self.expirations.get(key, 0.0) <= now:
                self.storage[key], self.expirations[key] = 0, now + expiry
            self.storage[key] += amount
            return self.storage[key]

    def decr(self, key: str, amount: int = 1) -> int:
        """Count down, to nothing at most."""
        with self._one_by_one:
            self.storage[key] = max(self.storage[key] - amount, 0)
            return self.storage[key]

    def get(self, key: str) -> int:
        """A counter; 0 where there is none, or none any more."""
        return self.storage.get(key, 0) if self.expirations.get(key, 0.0) > time.time() else 0

    def _sweep(self, now: float) -> None:
        self._swept = now
        for key in [key for key, end in self.expirations.items() if end <= now]:
            self.storage.pop(key, None)
            self.expirations.pop(key, None)


class Rates:
    """The quotas of one application."""

    def __init__(self, quotas: dict[str, str], storage: str = MEMORY) -> None:
        self._items = {name: _quota(name, said) for name, said in quotas.items() if said.strip().lower() != OFF}
        try:
            made = Counters() if storage == MEMORY else storage_from_string(storage, wrap_exceptions=True)
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
            window = self._window(item, name, who)
        except StorageError as error:
            self._complain(error)
            return None
        if not allowed:
            raise RateError(
                f"this is more than the quota of {name} allows: {item}", max(1, math.ceil(window.wait(cost)))
            )
        left = window.left()
        return Standing(name, item.amount, window.length, left, math.ceil(window.wait(left + 1)))

    def _window(self, item: RateLimitItem, *identifiers: str) -> Window:
        """How a quota stands now."""
        storage: Any = self._limiter.storage
        length = item.get_expiry()
        before, reach, now, rest = storage.get_sliding_window(item.key_for(*identifiers), length)
        return Window(item.amount, length, before, reach, now, rest - length)

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
