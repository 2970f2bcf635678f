"""A peer's own input: its columns in the order of the file, duplicates kept, for graph.peers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from graph.errors import InputError
from graph.log import EngineError
from graph.peers import coortweet, toolkit
from graph.peers.scratch import MOST_SECONDS, database
from ingest.encoding import check_text, compression_of
from ingest.readers import check_readable, csv_scan, open_raw, suffix_of

# names of what a number is too great to be seconds since 1970, and from where on (graph.peers.scratch.MOST_SECONDS)
UNITS = ((MOST_SECONDS * 1e6, "nanoseconds"), (MOST_SECONDS * 1e3, "microseconds"), (MOST_SECONDS, "milliseconds"))
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
WHOLE = r"[+-]?\d+"


@dataclass(frozen=True)
class Shape:
    """What a preset reads.

    Attributes:
        columns: all its columns, in the peer's order.
        needed: those a file must have.
        time: the column of times, in seconds.
        by_place: a file with other names and as many columns is read by place, as the peer does.
    """

    columns: tuple[str, ...]
    needed: tuple[str, ...]
    time: str
    by_place: bool


SHAPES = {
    "coortweet": Shape(coortweet.COLUMNS, coortweet.COLUMNS, "timestamp_share", by_place=False),
    "coordination-network-toolkit": Shape(toolkit.COLUMNS, toolkit.NEEDED, "timestamp", by_place=True),
}


def read(path: Path, preset: str) -> pa.Table:
    """Read a file as the peer of `preset` takes it.

    Args:
        path: a CSV, JSON Lines or Parquet file (the first two also gzipped).
        preset: a key of SHAPES.

    Returns:
        The peer's columns in the order of the file: text, but for the time, which is in seconds, int64 if all of them
        are whole, else float64. An empty field of a CSV file is an empty text; null elsewhere stays null.

    Raises:
        InputError: the file cannot be read whole, lacks a column, has no rows, or a time is missing, no number, or in
            another unit than seconds. The message names file, row and column.
    """
    if preset not in SHAPES:
        raise InputError(f"no preset {preset!r}; there are {', '.join(SHAPES)}")
    shape = SHAPES[preset]
    with database() as connection:
        plain = _read_plain(connection, path, preset)
        if plain is not None:
            return plain
        present = open_raw(connection, path)
        _refuse_broken(connection, path)
        given = _columns(present, shape, preset, path)
        times = _seconds(connection, _quoted(given[shape.time]), present[given[shape.time]], shape.time, path)
        empty = "''" if suffix_of(path) == "csv" else "NULL"
        values = [
            f"{times if name == shape.time else f'coalesce({_quoted(source)}::VARCHAR, {empty})'} AS {_quoted(name)}"
            for name, source in given.items()
        ]
        table: pa.Table = connection.sql(f"SELECT {', '.join(values)} FROM raw ORDER BY source_row").to_arrow_table()
    if table.num_rows == 0:
        raise InputError(f"{path}: no rows")
    return table


def _read_plain(connection: Any, path: Path, preset: str) -> pa.Table | None:
    """What `read` gives of a CSV file without a fault whose times are whole numbers, in one pass; of others None."""
    check_readable(path)
    if suffix_of(path) != "csv":
        return None
    if compression_of(path) == "zstd":
        check_text(path)  # the engine would take a cut stream for a short one
    shape = SHAPES[preset]
    names, scan = csv_scan(path)
    given = _columns(dict.fromkeys(names, "VARCHAR"), shape, preset, path)
    values = {name: f"coalesce({_quoted(source)}, '')" for name, source in given.items()}
    # the number that is written as the text: neither a blank nor a sign nor a decimal is taken away
    text, whole = _quoted(given[shape.time]), f"try_cast({_quoted(given[shape.time])} AS BIGINT)"
    values[shape.time] = f"CASE WHEN {whole}::VARCHAR = {text} AND abs({whole}) < {MOST_SECONDS:.0f} THEN {whole} END"
    query = f"SELECT {', '.join(f'{value} AS {_quoted(name)}' for name, value in values.items())} FROM {scan}"
    try:
        table: pa.Table = connection.sql(query, params={"path": str(path)}).to_arrow_table()
        faults = connection.execute("SELECT count(*) FROM reject_errors").fetchall()[0][0]
    except EngineError:
        return None
    return table if table.num_rows and not faults and table[shape.time].null_count == 0 else None


def _refuse_broken(connection: Any, path: Path) -> None:
    """Refuse a file with a record that cannot be read: leaving one out would change the peer's answer."""
    broken = connection.execute("SELECT source_row, reason FROM broken ORDER BY source_row LIMIT 1").fetchall()
    if broken:
        raise InputError(f"{path}: row {broken[0][0]}, {broken[0][1]}")


def _columns(present: dict[str, str], shape: Shape, preset: str, path: Path) -> dict[str, str]:
    """Where each of the peer's columns stands in the file: its name to the file's name."""
    missing = [name for name in shape.needed if name not in present]
    if not missing:
        return {name: name for name in shape.columns if name in present}
    if shape.by_place and len(present) == len(shape.columns):
        return dict(zip(shape.columns, present, strict=True))
    places = f", or these {len(shape.columns)} columns in this order under any names" if shape.by_place else ""
    raise InputError(
        f"{path}: missing column {', '.join(missing)}; preset {preset} needs {', '.join(shape.columns)}{places}"
    )


def _seconds(connection: Any, column: str, kind: str, name: str, path: Path) -> str:
    """SQL of the times of `raw` in seconds. Raises InputError naming the first row without one."""
    text = f"trim({column}::VARCHAR)"
    value, whole = f"try_cast({text} AS DOUBLE)", f"regexp_full_match({text}, '{WHOLE}')"
    good = f"regexp_full_match({text}, '{NUMBER}')"
    if kind.upper().startswith("TIMESTAMP"):
        value, whole, good = f"epoch_us({column}) / 1000000.0", "false", "true"
    bad = connection.execute(
        f"SELECT source_row, {text}, CASE WHEN {good} THEN abs({value}) END FROM raw "
        f"WHERE NOT coalesce({good} AND abs({value}) < $most, false) ORDER BY source_row LIMIT 1",
        {"most": MOST_SECONDS},
    ).fetchall()
    if bad:
        row, shown, size = bad[0]
        before = "" if row == 1 else ", and the rows before it like seconds"
        raise InputError(f"{path}: row {row}, {name}: {_wrong(shown, size, before)}; expected seconds since 1970, UTC")
    all_whole = connection.execute(f"SELECT bool_and({whole}) FROM raw").fetchall()[0][0]
    return f"{text}::BIGINT" if all_whole else value


def _wrong(shown: str | None, size: float | None, before: str) -> str:
    """What is wrong with a time: missing, no number, or a number (of this size) in another unit than seconds."""
    if not shown:
        return "empty"
    unit = next((unit for least, unit in UNITS if size is not None and size >= least), None)
    return f"{shown[:60]} is no time" if unit is None else f"{shown[:60]} looks like {unit}{before}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
