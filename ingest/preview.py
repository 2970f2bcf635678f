"""`shoal ingest --dry-run`: the first rows of a file as they would be stored, and what would be rejected.

Nothing is written, not even the data folder. What is in the log already is looked up, so repeats are told.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from graph.forgotten import Gate
from graph.model import LOG_TABLES
from graph.words import count, number
from graph.workspace import Workspace
from ingest.batch import without_private
from ingest.load import resolved
from ingest.readers import open_raw
from ingest.recognise import Reading, chosen
from ingest.rejects import refused
from ingest.schema import Format
from ingest.validation import GOOD, take_part, validate

SHOWN = 5  # rows of each kind


def preview(workspace: Workspace, path: Path, reading: Reading = "native", *, now: int | None = None) -> Iterator[str]:
    """What `shoal ingest` would do with a file, line by line.

    Raises InputError for a file that it would refuse because of its bytes, its format or its columns.
    """
    reading, note = resolved(path, reading)
    connection = workspace.log.connect()
    try:
        with TemporaryDirectory(prefix="shoal-") as spill:
            connection.execute("SET temp_directory = $spill", {"spill": spill})
            forms = chosen(reading, open_raw(connection, path), str(path))
            if note:
                yield f"{path}: {note}"
            for form in forms:
                at = now or time.time_ns() // 1000
                yield from _table(connection, workspace.gate, path, form, at, first=form is forms[0])
    finally:
        connection.close()


def _table(connection: Any, gate: Gate, path: Path, form: Format, now: int, *, first: bool) -> Iterator[str]:
    if form.aside:
        yield f"{path}: {form.table} would be set aside; {form.aside}"
        return
    columns = take_part(connection, form, path)
    found = validate(connection, form, columns, now, gate)
    broken = connection.execute("SELECT count(*) FROM broken").fetchall()[0][0] if first else 0
    yield (
        f"{path}: {count(found.rows + broken, 'row')} of {form.table}: {number(found.good)} would be appended, "
        f"{number(found.repeated)} are there already, {number(found.bad + broken)} would be rejected"
    )
    yield from _stored(connection, form)
    unknown = form.unknown(columns)
    if unknown:
        yield f"  columns that the format does not know, kept beside the rows: {', '.join(unknown)}"
    if form.left_out:
        yield f"  {form.left_out}"
    if found.bad + broken:
        yield "  would be rejected:"
        for row in refused(connection, form, broken=first, limit=SHOWN):
            yield f"    row {row['row']}: {'; '.join(row['reasons'])}"


def _stored(connection: Any, form: Format) -> Iterator[str]:
    rows = f"(SELECT * FROM checked WHERE {GOOD})"
    if form.table == "interactions":
        rows = without_private(rows)
    columns = ", ".join(f'"{column}"' for column in LOG_TABLES[form.table].columns)
    shown = connection.sql(f"SELECT {columns} FROM {rows} ORDER BY source_row LIMIT {SHOWN}").to_arrow_table()
    if shown.num_rows:
        yield "  as stored:"
    for row in shown.to_pylist():
        yield f"    {json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False)}"
