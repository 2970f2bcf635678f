"""The data folder: where log, runs, decisions, Neo4j and reports of one platform lie.

DIR/
    log/            event log (graph.log)
    runs/           runs (graph.runs)
    decisions.db    decision store, when it is SQLite
    neo4j/          embedded Neo4j's data
    rejects/        rows refused at ingest, with reasons
    reports/        one HTML page a run
    private/        private texts, only where a setting asks for them (graph.private_texts)
    secrets/        generated passwords and keys, readable by the owner alone
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from graph.errors import ConflictError
from graph.files import write_bytes
from graph.forgotten import Gate
from graph.log import EventLog
from graph.private_texts import PrivateTexts
from graph.runs import RunStore
from graph.settings import settings


@dataclass(frozen=True)
class Workspace:
    """One data folder. Making the object touches nothing.

    `keeps_private`: whether private texts may be kept here, if the environment asks for it; not in a throwaway folder.
    """

    root: Path
    keeps_private: bool = True

    @property
    def log(self) -> EventLog:
        """What was observed."""
        return EventLog(self.root / "log")

    @property
    def runs(self) -> RunStore:
        """What was inferred."""
        return RunStore(self.root / "runs")

    @property
    def neo4j(self) -> Path:
        """Embedded Neo4j's folder."""
        return self.root / "neo4j"

    @property
    def rejects(self) -> Path:
        """Rows refused at ingest."""
        return self.root / "rejects"

    @property
    def reports(self) -> Path:
        """HTML reports."""
        return self.root / "reports"

    @property
    def decisions(self) -> Path:
        """The decision store, when it is SQLite."""
        return self.root / "decisions.db"

    @property
    def private_texts(self) -> PrivateTexts:
        """Private texts, as the environment allows them now."""
        days = settings().store_private_text_days if self.keeps_private else None
        return PrivateTexts(self.root / "private", days, time.time_ns() // 1000)

    @property
    def gate(self) -> Gate:
        """What keeps out of the log what was forgotten."""
        forgotten = self.log.manifest().forgotten
        return Gate(forgotten, self.secret("forgotten") if forgotten.accounts else "")

    def secret(self, name: str) -> str:
        """A secret of this folder, generated on first use, readable by the owner alone."""
        path = self.root / "secrets" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_bytes(path, secrets.token_urlsafe(32).encode(), mode=0o600)
        return path.read_text().strip()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder's lock: one process at a time appends to the log or makes runs.

        Raises ConflictError naming the other process. The lock goes with the process, so a crash
        leaves nothing to clean up.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock, owner = FileLock(self.root / ".lock"), self.root / ".lock-owner"
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            who = owner.read_text().strip() if owner.exists() else "unknown"
            raise ConflictError(f"{self.root}: another shoal (process {who}) is writing here; wait for it") from error
        try:
            owner.write_text(f"{os.getpid()}\n")
            self.log.clear()  # what a crash left, or a reader held
            self.private_texts.sweep(self.log)
            yield
        finally:
            lock.release()
