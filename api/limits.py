"""How much a caller may ask in a while, and how often anybody may show a wrong key.

Counted in this process's memory: several processes allow so many times as much. Limits are `limits` strings
(`600/minute`, `10/second`); settings SHOAL_RATE_READS, SHOAL_RATE_WRITES, SHOAL_RATE_FAILURES. Headers follow
draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` is the limit, `RateLimit` what is left of it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from graph.errors import InputError, ShoalError
from graph.settings import settings

ITEMS_PER_READ = 20  # a batch of so many accounts counts as one read


class RateLimitedError(ShoalError):
    """Too much was asked in too little time. `wait`: seconds after which asking again makes sense."""

    def __init__(self, message: str, wait: int) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Standing:
    """What a caller has left: for the headers of the answer."""

    kind: str
    limit: int
    window: int
    left: int
    reset: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """The two headers, as ASGI has them."""
        return [
            (b"ratelimit-policy", f'"{self.kind}";q={self.limit};w={self.window}'.encode()),
            (b"ratelimit", f'"{self.kind}";r={self.left};t={self.reset}'.encode()),
        ]


class Limits:
    """The limits of one process."""

    def __init__(self, reads: str, writes: str, failures: str) -> None:
        self._of = {"reads": _item("reads", reads), "writes": _item("writes", writes)}
        self._failures = _item("failures", failures)
        self._counted = SlidingWindowCounterRateLimiter(MemoryStorage())

    @classmethod
    def configured(cls) -> Limits:
        """As the settings say. Raises InputError naming the setting that is no limit."""
        given = settings()
        return cls(given.rate_reads, given.rate_writes, given.rate_failures)

    def spend(self, kind: str, caller: str, cost: int = 1) -> Standing:
        """Count a request of a caller. Raises RateLimitedError if that is more than `kind` allows."""
        item = self._of[kind]
        allowed = self._counted.hit(item, kind, caller, cost=cost)
        window = self._counted.get_window_stats(item, kind, caller)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        if not allowed:
            raise RateLimitedError(
                f"{item.amount} {kind} in {item.get_expiry()} seconds are allowed: wait {wait} s", wait
            )
        return Standing(kind, item.amount, item.get_expiry(), max(0, int(window.remaining)), wait)

    def check_failures(self, address: str) -> None:
        """Raise RateLimitedError if too many wrong keys came from an address: they are not even looked at."""
        if not self._counted.test(self._failures, "failures", address):
            wait = self._failures.get_expiry()
            raise RateLimitedError("too many requests with a key that is not valid came from this address", wait)

    def count_failure(self, address: str) -> None:
        """A wrong key came from an address."""
        self._counted.hit(self._failures, "failures", address)


def _item(kind: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise InputError(
            f"environment: SHOAL_RATE_{kind.upper()}: {text!r} is no limit; expected a number and a time: 600/minute"
        ) from error
