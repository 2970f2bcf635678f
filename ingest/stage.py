"""A throwaway event log of files: for commands that read events and keep no data folder.

The log lies in a temporary folder that only its owner can read. It goes when the block ends, also after an error or
Ctrl-C. It takes about as much room as the files themselves, compressed, and refuses to begin where that much is not
there.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from graph.console import progress
from graph.errors import InputError
from graph.files import write_bytes
from graph.log import EventLog
from graph.workspace import Workspace
from ingest.load import Ingested, ingest
from ingest.readers import source_files
from ingest.recognise import Reading
from ingest.schema import EARLIEST, FUTURE_SLACK

UNITS = {"seconds": 1_000_000, "milliseconds": 1000, "microseconds": 1, "nanoseconds": 0.001}
REFUSED_TIME = re.compile(r"[^:]+: (\S+) (?:is no time|is before 2000|lies in the future)")  # see ingest.schema.TIME
ROOM = 2  # times the size of the files: log and work space while a file is read
# Private texts leave only stand-ins, keyed by a secret. This log is thrown away, and the texts stand in the file
# beside it, so there is nothing to guard here; a fixed key makes the same input give the same bytes.
KEY = b"a throwaway log"


def _to_stderr(line: str) -> None:
    click.echo(line, err=True)


@contextmanager
def staged(
    paths: Sequence[Path],
    reading: Reading,
    rejects: Path | None = None,
    say: Callable[[str], None] = _to_stderr,
    *,
    now: int | None = None,
) -> Iterator[EventLog]:
    """Read files into an event log that is removed when the block ends.

    They are validated, deduplicated and turned into actions as `shoal ingest` does (ingest.load).

    Args:
        paths: files, or folders of files.
        reading: a module of ingest.formats by name, `auto`, or a mapping file that was read.
        rejects: where refused rows are kept with their reasons (JSON Lines); without it they are only counted. A file
            that an earlier run left there goes when no row is refused.
        say: is told one line a file, and of every file with refused rows the first one.
        now: the present in microseconds UTC, for refusing times in the future (default: the clock).

    Raises:
        InputError: a file is unreadable, empty, lacks columns, mixes units of time, or none of its rows can be used;
            or there is no room for the log.
    """
    files = [file for path in paths for file in source_files(path)]
    with tempfile.TemporaryDirectory(prefix="shoal-", ignore_cleanup_errors=True) as folder:
        workspace = Workspace(Path(folder), keeps_private=False)
        _check_room(files, workspace.root)
        write_bytes(workspace.root / "secrets" / "templates", KEY, mode=0o600)
        try:
            for file in files:
                _read(workspace, file, reading, rejects, say, now)
        finally:
            _keep_rejects(workspace, rejects)
        yield workspace.log


def _read(
    workspace: Workspace,
    file: Path,
    reading: Reading,
    rejects: Path | None,
    say: Callable[[str], None],
    now: int | None,
) -> None:
    try:
        with progress(f"reading {file.name}"):
            done = ingest(workspace, file, reading, now=now)
    except InputError as error:
        # the file named there goes with the folder: name the one that stays
        kept = [p for p in _reject_files(workspace) if str(p) in str(error)]
        said = str(error)
        for path in kept:
            said = said.replace(f"; all of them: {path}", f"; all of them: {rejects}" if rejects else "")
        raise InputError(said) from error
    if done.rejects is None:
        say(str(done))
        return
    _refuse_mixed_units(done, now or time.time_ns() // 1000)
    with done.rejects.open(encoding="utf-8") as lines:
        first = json.loads(next(lines))
    shown = str(replace(done, rejects=rejects)).replace(" (see None)", "")
    say(f"{shown}; the first is row {first['row']}, {'; '.join(first['reasons'])}")


def _check_room(files: Sequence[Path], folder: Path) -> None:
    wanted = ROOM * sum(file.stat().st_size for file in files if file.is_file())
    free = shutil.disk_usage(folder).free
    if wanted > free:
        raise InputError(
            f"{folder.parent}: {free >> 20:,} MiB free; these files need {wanted >> 20:,} MiB there while they are "
            "read (TMPDIR names another place)"
        )


def _refuse_mixed_units(done: Ingested, now: int) -> None:
    """Raise InputError if a refused row has a time that would be good in another unit than the file's.

    Such a row is not one wrong row: half of a file in seconds and half in milliseconds would lose one half and
    nothing would look wrong.
    """
    assert done.rejects is not None
    with done.rejects.open(encoding="utf-8") as lines:
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            for reason in row["reasons"]:
                unit = _other_unit(reason, now)
                if unit is not None:
                    raise InputError(
                        f"{done.path}: row {row['row']}, {reason}: it looks like {unit}, and other rows are good as "
                        "they are; give all times in one unit"
                    )


def _other_unit(reason: str, now: int) -> str | None:
    """The unit in which the number of a refused time lies after 2000 and not in the future; None: no such."""
    refused = REFUSED_TIME.match(reason)
    try:
        value = float(refused[1]) if refused else math.nan
    except ValueError:
        return None
    return next((unit for unit, size in UNITS.items() if EARLIEST <= value * size <= now + FUTURE_SLACK), None)


def _reject_files(workspace: Workspace) -> list[Path]:
    return sorted(workspace.rejects.glob("*.jsonl"), key=lambda p: p.stat().st_mtime_ns)


def _keep_rejects(workspace: Workspace, rejects: Path | None) -> None:
    """Join the files of refused rows into one; each row names its file."""
    if rejects is None:
        return
    files = _reject_files(workspace)
    if not files:
        rejects.unlink(missing_ok=True)
        return
    temporary = rejects.with_name(f".{rejects.name}.tmp")
    with temporary.open("wb") as target:
        temporary.chmod(0o600)
        for file in files:
            with file.open("rb") as source:
                shutil.copyfileobj(source, target)
    temporary.replace(rejects)
