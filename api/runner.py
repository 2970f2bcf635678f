"""A thread that carries network actions out while the API answers. A worker may do the same at the same time."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from api import execution
from graph.errors import ShoalError

_log = logging.getLogger("shoal.runner")


class Runner:
    """Looks for executing, reversing and due actions when woken, at the start, and every `every` seconds."""

    def __init__(self, engine: Engine, *, every: float = 5.0) -> None:
        self.engine, self.every = engine, every
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="shoal-runner", daemon=True)

    def start(self) -> None:
        """Begin; what a crash left under way goes on at once."""
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to do."""
        self._wake.set()

    def stop(self) -> None:
        """End after the batch at hand; the rest goes on at the next start."""
        self._stop.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                execution.carry_all(self.engine, go_on=lambda: not self._stop.is_set())
            except ShoalError as error:
                _log.warning("carrying out network actions will be tried again: %s", error)
            except SQLAlchemyError:  # a fault of ours: still, a dead thread would reverse nothing either
                _log.exception("carrying out network actions failed")
            if not self._stop.is_set():
                self._wake.wait(self.every)
