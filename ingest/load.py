"""From a file to the event log: read, validate, derive actions, append. Nothing is lost, nothing twice.

A batch is named after the bytes of its file, so the same file changes nothing; rows whose event was in
the log already are counted as repeated; rows that cannot be used go to a reject file with reasons.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.console import progress
from graph.errors import InputError
from graph.files import sha256_of
from graph.workspace import Workspace
from ingest import batch
from ingest.mapping import Mapping
from ingest.readers import check_readable, let_go, open_raw
from ingest.recognise import AUTO, Reading, chosen, recognised
from ingest.rejects import Rejects
from ingest.validation import Counts, take_part, validate

VERSION = 4  # of what this module makes of a file; part of the batch id


@dataclass(frozen=True)
class Ingested:
    """What became of one file. `rows` = appended + repeated + rejected + forgotten + aside, in source rows."""

    path: Path
    table: str
    rows: int
    appended: int
    repeated: int
    rejected: int
    rejects: Path | None
    forgotten: int = 0  # rows about what `shoal forget` took away (graph.forgotten)
    known: bool = False  # the same file was appended before; nothing was done
    aside: int = 0  # rows of a kind that nothing is stored of
    note: str = ""  # what was recognised, or why rows were set aside
    unchecked: int = 0  # pictures and videos that its interactions name and the log knows nothing of

    def __str__(self) -> str:
        """One line for a person."""
        note = f"; {self.note}" if self.note else ""
        if self.known:
            return f"{self.path}: in the log already, nothing to do{note}"
        if self.aside:
            return f"{self.path}: {self.rows:,} rows of {self.table} set aside{note}"
        refused = f", {self.rejected:,} rejected (see {self.rejects})" if self.rejected else ""
        again = f", {self.repeated:,} in the log already" if self.repeated else ""
        gone = f", {self.forgotten:,} forgotten and left out" if self.forgotten else ""
        return (
            f"{self.path}: {self.rows:,} rows of {self.table}: {self.appended:,} appended{again}{gone}{refused}{note}"
        )


def ingest(workspace: Workspace, path: Path, reading: Reading = "native", *, now: int | None = None) -> Ingested:
    """Append one file to the event log. The caller holds `workspace.writing()`.

    Private texts leave only keyed stand-ins, unless the environment asks for more (graph.private_texts).

    Args:
        workspace: the data folder.
        path: a CSV, JSON Lines, JSON or Parquet file (all but the last may be compressed by gzip or zstd).
        reading: a module of ingest.formats by name, `auto`, or a mapping file that was read.
        now: the present in microseconds UTC, for refusing times in the future (default: the clock).

    Raises:
        InputError: the file is unreadable, empty, lacks columns, fits no format, or no row of it can be used.
    """
    log = workspace.log
    check_readable(path)
    reading, note = resolved(path, reading)
    label = reading.digest if isinstance(reading, Mapping) else reading
    batch_id = hashlib.sha256(f"{sha256_of(path)}:{label}:{VERSION}".encode()).hexdigest()[:32]
    if log.has(batch_id):
        return Ingested(path, "", 0, 0, 0, 0, None, known=True, note=note)
    connection = log.connect()
    try:
        connection.execute(f"SET temp_directory = '{_escaped(workspace.root / '.spill')}'")
        now = now or time.time_ns() // 1000
        return _append(connection, workspace, Source(path, reading, batch_id, note), now)
    finally:
        connection.close()


def ingest_all(
    workspace: Workspace, files: Iterable[Path], reading: Reading, say: Callable[[str], object]
) -> list[Ingested]:
    """Append one file after the other, with progress; `say` is told what became of each. Raises as `ingest` does."""
    reports = []
    for path in files:
        with progress(f"reading {path.name}"):
            reports.append(ingest(workspace, path, reading))
        say(str(reports[-1]))
    return reports


def resolved(path: Path, reading: Reading) -> tuple[Reading, str]:
    """The format of a file, and what to say of it: nothing, unless it was to be recognised."""
    if reading != AUTO:
        return reading, ""
    name, why = recognised(path)
    return name, f"recognised as {name}, because {why}"


@dataclass(frozen=True)
class Source:
    """A file to be appended: how it is read, the batch it becomes, and what is to be said of it."""

    path: Path
    reading: Reading
    batch_id: str
    note: str


def _append(connection: Any, workspace: Workspace, source: Source, now: int) -> Ingested:
    path, log = source.path, workspace.log
    forms = chosen(source.reading, open_raw(connection, path), str(path))
    broken = connection.execute("SELECT count(*) FROM broken").fetchall()[0][0]
    tables = " and ".join(form.table for form in forms)
    if forms[0].aside:
        rows = broken + connection.execute("SELECT count(*) FROM raw").fetchall()[0][0]
        note = "; ".join(filter(None, [source.note, forms[0].aside]))
        return Ingested(path, tables, rows, 0, 0, 0, None, aside=rows, note=note)
    staging = log.stage(source.batch_id)
    rejects = Rejects(workspace.rejects / f"{source.batch_id}.jsonl", path.name)
    batch.begin(connection)
    try:
        parts = []
        for form in forms:
            columns = take_part(connection, form, path)
            counts = validate(connection, form, columns, now, workspace.gate)
            rejects.add(connection, form, broken=form is forms[0])
            if form is forms[-1] and not form.unknown(columns):
                let_go(connection)
            if counts.good:
                batch.write_tables(connection, workspace, staging, form, columns)
            parts.append(counts)
        done = Counts(
            *(sum(getattr(part, name) for part in parts) for name in ("rows", "bad", "repeated", "forgotten"))
        )
        kept = rejects.finish()
        _refuse_useless(path, done, broken, rejects)
        batch.write_extras(connection, staging)
        unchecked = _unchecked(connection, staging / "interactions.parquet")
        log.commit(
            staging,
            {
                "source": path.name,
                "format": str(source.reading),
                "table": tables,
                "version": VERSION,
                "rows": done.rows + done.forgotten + broken,
                "appended": done.good,
                "repeated": done.repeated,
                "rejected": done.bad + broken,
                "forgotten": done.forgotten,
            },
        )
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    finally:
        rejects.close()
    note = "; ".join(filter(None, [source.note, *(form.left_out for form in forms)]))
    return Ingested(
        path,
        tables,
        done.rows + done.forgotten + broken,
        done.good,
        done.repeated,
        done.bad + broken,
        kept,
        done.forgotten,
        note=note,
        unchecked=unchecked,
    )


def told_of_media(reports: Sequence[Ingested]) -> str | None:
    """A sentence on media that the files of a call name and nobody checked; None where it checked some, or need not."""
    n = sum(report.unchecked for report in reports)
    if not n or any(report.table == "media" for report in reports):
        return None
    return (
        f"{n:,} names of pictures or videos were never checked, so what they say of themselves and who showed near "
        "copies is not known: `shoal ingest FILES --media FOLDER`"
    )


def _unchecked(connection: Any, file: Path) -> int:
    """How many media a file of interactions names that the log knows nothing of."""
    if not file.exists():
        return 0
    named = f"SELECT DISTINCT unnest(media) AS media_id FROM read_parquet('{_escaped(file)}')"
    return int(connection.execute(f"SELECT count(*) FROM ({named}) ANTI JOIN media USING (media_id)").fetchall()[0][0])


def _refuse_useless(path: Path, done: Counts, broken: int, rejects: Rejects) -> None:
    if done.rows + done.forgotten + broken == 0:
        raise InputError(f"{path}: no rows")
    if done.good + done.repeated + done.forgotten == 0:
        first = rejects.first
        assert first is not None
        raise InputError(
            f"{path}: none of its {done.bad + broken:,} rows can be used; row {first['row']}, {first['reasons'][0]}; "
            f"all of them: {rejects.target}"
        )


def _escaped(text: object) -> str:
    return str(text).replace("'", "''")
