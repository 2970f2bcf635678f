"""`shoal watch FOLDER`: files that appear in a folder are appended to the event log, each once it is whole.

A file counts as whole when two looks in a row found it of the same size and time, and no process has it open for
writing (Linux tells, for files of the same user; for others the two looks have to do). What was done with a file is
remembered in the data folder's `watch.json`; where that is lost, the log still knows every file by its content.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from graph.compaction import compact_if_due
from graph.errors import ConflictError, InputError
from graph.files import write_json
from graph.stopping import Stop
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.readers import SUFFIXES

UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")  # what programs call a file they are writing

Look = tuple[int, int]  # size, and time of the last change in nanoseconds


@dataclass
class Watch:
    """A folder that is watched for a data folder.

    Attributes:
        workspace: where events go.
        folder: where files appear; its subfolders are left alone.
        format_name: a module of ingest.formats.
        say: is told one line a file.
        complain: is told of files that cannot be used; the watch goes on.
    """

    workspace: Workspace
    folder: Path
    format_name: str
    say: Callable[[str], None]
    complain: Callable[[str], None]
    refused: int = 0
    _before: dict[str, Look] = field(default_factory=dict)
    _bad: dict[str, Look] = field(default_factory=dict)  # not kept: another call may name another format

    def __post_init__(self) -> None:
        """Read what was done before. Raises InputError if there is no such folder."""
        if not self.folder.is_dir():
            raise InputError(f"{self.folder}: no such folder")
        self._memory = self.workspace.root / "watch.json"
        self._done: dict[str, list[int]] = {}
        if self._memory.is_file():
            self._done = json.loads(self._memory.read_text(encoding="utf-8"))

    def run(self, stop: Stop, every: float, *, once: bool = False) -> None:
        """Look again every so many seconds, until somebody asks for the end; with `once`, two looks."""
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # what the kernel sends when `_is_open` is in a writer's way
        self.look(stop)
        while not stop.asked:
            stop.wait(every)
            self.look(stop)
            if once:
                return

    def look(self, stop: Stop) -> None:
        """Append the files that are whole and not done yet."""
        seen: dict[str, Look] = {}
        waiting = False
        for path in self._files():
            try:
                status = path.stat()
            except FileNotFoundError:  # gone since
                continue
            name, now = str(path.resolve()), (status.st_size, status.st_mtime_ns)
            seen[name] = now
            if stop.asked or waiting or self._before.get(name) != now:
                continue
            if self._done.get(name) == list(now) or self._bad.get(name) == now:
                continue
            if not status.st_size or _is_open(path):
                continue
            try:
                with self.workspace.writing():
                    taken = self._take(path)
                    compact_if_due(self.workspace.log)
            except ConflictError:  # another process writes there: the next look tries again
                waiting = True
                continue
            if not taken:
                self._bad[name] = now
                continue
            self._done[name] = list(now)
            write_json(self._memory, self._done)
        self._before = seen

    def _files(self) -> list[Path]:
        return [
            path
            for path in sorted(self.folder.iterdir())
            if path.is_file()
            and not path.name.startswith(".")
            and path.suffix.lower() not in UNFINISHED
            and any(suffix.lower() in SUFFIXES for suffix in path.suffixes)
        ]

    def _take(self, path: Path) -> bool:
        try:
            self.say(str(ingest(self.workspace, path, self.format_name)))
        except InputError as error:
            self.refused += 1
            self.complain(f"refused: {error}")
            return False
        return True


def _is_open(path: Path) -> bool:
    """Whether a process has the file open for writing; False where the system does not tell."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
