"""Ending what goes on until it is told: Ctrl-C (or SIGTERM) once ends it after what it is at, twice at once."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether somebody asked for the end, and a way to wait that ends when somebody does."""

    def __init__(self, wake: int) -> None:
        self.asked = False
        self._wake = wake

    def wait(self, seconds: float, for_data_on: Sequence[int] = ()) -> list[int]:
        """Wait until a descriptor has data (they are returned), the time is over, or somebody asks for the end."""
        if self.asked:
            return []
        ready, _, _ = select.select([self._wake, *for_data_on], [], [], max(seconds, 0.0))
        return [descriptor for descriptor in ready if descriptor != self._wake]


@contextmanager
def until_stopped() -> Iterator[Stop]:
    """Take SIGINT and SIGTERM as the wish to end, while the block runs; only in the main thread."""
    wake, ring = os.pipe()
    stop = Stop(wake)

    def ask(_signal: int, _frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True
        os.write(ring, b"!")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(wake)
        os.close(ring)
