"""`shoal ingest -`: JSON Lines from standard input, appended to the event log a batch at a time.

What was read and is not in the log yet lies in `incoming/stdin.part` of the data folder, for its owner's eyes alone,
and goes once the log has it. A stream that was killed begins with what its predecessor left there; so a sender that
cannot send again loses nothing, and one that sends again repeats only events, which count once by their ids.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from graph.compaction import compact_if_due
from graph.errors import ConflictError, InputError
from graph.files import sha256_of
from graph.stopping import Stop
from graph.workspace import Workspace
from ingest.load import Ingested, ingest
from ingest.recognise import Reading

LINES = 50_000  # a batch; a smaller one after SECONDS
SECONDS = 5.0
CHUNK = 1 << 20
RETRY_S = 1.0  # between tries while another process writes to the data folder


@dataclass
class _Told:
    """What became of the stream so far."""

    lines: int = 0
    appended: int = 0
    repeated: int = 0
    rejected: int = 0
    batches: int = 0
    refused: int = 0

    def add(self, lines: int, done: Ingested) -> None:
        self.lines += lines
        self.appended += done.appended
        self.repeated += lines if done.known else done.repeated
        self.rejected += done.rejected
        self.batches += 1

    def __str__(self) -> str:
        more = [
            f"{n:,} {what}" for n, what in ((self.repeated, "in the log already"), (self.rejected, "rejected")) if n
        ]
        return f"{self.lines:,} lines are in: " + ", ".join([f"{self.appended:,} appended", *more])


class Stream:
    """One stream into one data folder."""

    def __init__(self, workspace: Workspace, reading: Reading, say: Callable[[str], None], stop: Stop) -> None:
        self.workspace, self.reading, self.say, self.stop = workspace, reading, say, stop
        self.told = _Told()
        self.folder = workspace.root / "incoming"
        self.part, self.file = self.folder / "stdin.part", self.folder / "stdin.jsonl"

    def run(self, source: int) -> None:
        """Read the descriptor to its end, or until somebody asks for the end; then what was read is appended.

        Raises:
            ConflictError: another process reads a stream into this data folder.
            InputError: no row of some batch could be used; the others are in.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ConflictError(f"{self.folder}: another `shoal ingest -` writes here; wait for it") from error
        try:
            self._take_up()
            ended = False
            while not ended and not self.stop.asked:
                lines, ended = self._collect(source)
                self._append(lines)
        finally:
            lock.release()
        if self.told.refused:
            raise InputError(f"standard input: {self.told.refused} batches had no row that can be used")

    def _take_up(self) -> None:
        """Append what a killed stream left behind; a line of which only the beginning was read is left out."""
        if self.file.exists():
            self._commit(self.file.read_bytes().count(b"\n"))
        if self.part.exists():
            with self.part.open("r+b") as left:
                whole = left.read()
                left.truncate(whole.rfind(b"\n") + 1)
            lines = whole.count(b"\n")
            if lines:
                self.say(f"{lines:,} lines that an earlier stream left behind:")
            self._append(lines)

    def _collect(self, source: int) -> tuple[int, bool]:
        """Read into the part file until it is a batch; returns its lines, and whether the stream has ended."""
        lines, rest, deadline = 0, b"", None
        descriptor = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as part:
            while lines < LINES and not self.stop.asked:
                left = SECONDS if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    break
                if not self.stop.wait(left, [source]):
                    continue
                read = os.read(source, CHUNK)
                if not read:
                    lines += self._write(part, rest + b"\n") if rest.strip() else 0
                    return lines, True
                whole, newline, tail = read.rpartition(b"\n")
                if newline:
                    lines += self._write(part, rest + whole + newline)
                rest = tail if newline else rest + tail
                if deadline is None:
                    deadline = time.monotonic() + SECONDS
            while rest and not self.stop.asked:  # the rest of a line that has begun belongs to this batch
                if self.stop.wait(SECONDS, [source]):
                    read = os.read(source, 1)  # no more than the line: what follows is for the next batch
                    rest += read
                    if not read or read == b"\n":
                        lines += self._write(part, rest if read else rest + b"\n")
                        return lines, not read
        return lines, False

    def _write(self, part: BinaryIO, data: bytes) -> int:
        part.write(data)
        return data.count(b"\n")

    def _append(self, lines: int) -> None:
        if not lines:
            self.part.unlink(missing_ok=True)
            return
        self.part.replace(self.file)
        self._commit(lines)

    def _commit(self, lines: int) -> None:
        """Append the file, and remove it: only what is in the log goes."""
        waiting = False
        while True:
            try:
                with self.workspace.writing():
                    self._ingest(self.file, lines)
                    compact_if_due(self.workspace.log)
                break
            except ConflictError as error:
                if self.stop.asked:
                    raise
                if not waiting:
                    self.say(f"waiting: {error}")
                waiting = True
                self.stop.wait(RETRY_S)
        self.file.unlink(missing_ok=True)

    def _ingest(self, file: Path, lines: int) -> None:
        try:
            self.told.add(lines, ingest(self.workspace, file, self.reading))
        except InputError as error:
            self.told.refused += 1
            kept = file.with_name(f"refused-{sha256_of(file)[:12]}.jsonl")
            file.replace(kept)  # whoever sent it may not be able to send it again
            self.say(f"refused: {error}; kept in {kept}")
        else:
            self.say(str(self.told))
