"""From source rows to checked ones: each with its values, its id, its reasons if it is bad, and whether it is a repeat.

Everything is SQL over whole columns; docs/decisions/0021 has the measurement that decided it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.forgotten import Gate
from graph.model import LOG_TABLES, PRIVATE_KINDS
from ingest.readers import columns_of
from ingest.schema import PRIVATE_COLUMNS, Format

IDS = {"interactions": "event_id", "actions": "event_id", "labels": "label_id", "media": "media_id"}
MADE = {"media": ("object_id",)}  # columns that no file has, and that are made after validation
PRIVATE = ", ".join(f"'{kind}'" for kind in PRIVATE_KINDS)
GOOD = "len(reasons) = 0 AND NOT repeated"


@dataclass(frozen=True)
class Counts:
    """Rows of the table `checked`: rows = good + repeated + bad; and how many were left out as forgotten."""

    rows: int
    bad: int
    repeated: int
    forgotten: int = 0

    @property
    def good(self) -> int:
        """Rows to be appended."""
        return self.rows - self.bad - self.repeated


def take_part(connection: Any, form: Format, path: Path) -> dict[str, str]:
    """Make `part`, the rows of `raw` that are of this format; return its columns with their SQL types.

    Raises InputError if a row says that it is of another version of the format.
    """
    if form.asks:
        present = columns_of(connection, "raw")
        asked = ", ".join(f'"{c}"::VARCHAR AS "{c}"' if c in present else f'NULL::VARCHAR AS "{c}"' for c in form.asks)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW given AS SELECT source_row, {asked} FROM raw")
    made = f"TABLE part AS {form.rows}" if form.rows else "VIEW part AS SELECT * FROM raw"
    connection.execute(f"CREATE OR REPLACE TEMP {made}")
    columns = columns_of(connection, "part")
    if form.version is not None and "format_version" in columns:
        other = connection.execute(
            "SELECT source_row, left(format_version::VARCHAR, 60) FROM part "
            "WHERE coalesce(trim(format_version::VARCHAR), '') NOT IN ('', $version) ORDER BY source_row LIMIT 1",
            {"version": str(form.version)},
        ).fetchall()
        if other:
            raise InputError(
                f"{path}: row {other[0][0]}, format_version: {other[0][1]} is not known; this Shoal reads version "
                f"{form.version} of format {form.name}"
            )
    return columns


def validate(connection: Any, form: Format, columns: dict[str, str], now: int, gate: Gate) -> Counts:
    """Make `checked` from `part`: source_row, the table's values, reasons, repeated.

    Args:
        connection: of the log, with `part`.
        form: what the rows are.
        columns: of `part`, with their SQL types.
        now: the present, microseconds UTC.
        gate: what keeps forgotten rows out.
    """
    connection.execute("DROP TABLE IF EXISTS checked")
    connection.execute(f"CREATE TEMP TABLE checked AS {form.select(columns, now)}")
    forgotten = gate.leave_out(connection, form.table, "checked")
    _name_rows(connection, form.table)
    _mark_repeats(connection, form.table)
    found = connection.execute(
        "SELECT count(*), count(*) FILTER (len(reasons) > 0), count(*) FILTER (len(reasons) = 0 AND repeated) "
        "FROM checked"
    ).fetchall()[0]
    rows, bad, repeated = found
    return Counts(rows, bad, repeated, forgotten)


def _fields(table: str, without: tuple[str, ...] = ()) -> str:
    """SQL of one text holding every field but the id, with lengths: what makes two rows the same."""
    columns = [c for c in LOG_TABLES[table].columns if c != IDS.get(table)]
    parts = ", ".join(
        "'-'" if c in without else f"coalesce(length(\"{c}\"::VARCHAR) || ':' || \"{c}\"::VARCHAR, '-')"
        for c in columns
    )
    return f"concat({parts})"


def _name_rows(connection: Any, table: str) -> None:
    """Give rows without an id one: a hash of all fields and the occurrence number (graph.model)."""
    if table not in IDS:
        return
    key = f'"{IDS[table]}"'
    if not connection.execute(f"SELECT 1 FROM checked WHERE {key} IS NULL LIMIT 1").fetchall():
        return
    occurrence = f"row_number() OVER (PARTITION BY content, {key} IS NULL ORDER BY source_row)"
    made = f"'h' || left(sha256(content || ':' || {occurrence}), 31)"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE checked AS "
        f"SELECT * EXCLUDE (content) REPLACE (coalesce({key}, {made}) AS {key}) "
        f"FROM (SELECT *, CASE WHEN {key} IS NULL THEN sha256({_fields(table)}) END AS content FROM checked)"
    )


def _mark_repeats(connection: Any, table: str) -> None:
    """Mark rows whose id was used before: with the same content a repeat, with other content a reject.

    Contents are compared only where an id is met again: rows of ids met once are passed over by one grouping.
    """
    connection.execute("ALTER TABLE checked ADD COLUMN repeated BOOLEAN DEFAULT false")
    if table not in IDS:
        return
    key = f'"{IDS[table]}"'
    # for actions an event may act on several objects: the key of the table is what repeats
    keys = [f'"{c}"' for c in LOG_TABLES[table].key]
    same, content = ", ".join(keys), f"sha256({_fields(table, without=MADE.get(table, ()))})"
    if table == "interactions":  # the log has no private text to compare with
        public = f"sha256({_fields(table, without=PRIVATE_COLUMNS)})"
        content = f"CASE WHEN kind IN ({PRIVATE}) THEN {public} ELSE {content} END"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE earlier AS SELECT {same}, {content} AS content, 0 AS source_row "
        f"FROM {table} SEMI JOIN (SELECT {key} FROM checked) USING ({key})"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE again AS SELECT {same} FROM checked WHERE len(reasons) = 0 "
        f"GROUP BY ALL HAVING count(*) > 1 UNION SELECT {same} FROM earlier"
    )
    if not connection.execute("SELECT 1 FROM again LIMIT 1").fetchall():
        return
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE firsts AS "
        f"SELECT {same}, arg_min(content, source_row) AS content, min(source_row) AS source_row "
        f"FROM (SELECT {same}, {content} AS content, source_row FROM checked SEMI JOIN again USING ({same}) "
        f"WHERE len(reasons) = 0 UNION ALL FROM earlier) GROUP BY ALL"
    )
    joined = " AND ".join(f"checked.{k} = f.{k}" for k in keys)
    used = f"['{IDS[table]}: ' || left(checked.{key}, 60) || ' was used before with other content']"
    connection.execute(
        f"UPDATE checked SET repeated = f.content = f.mine, "
        f"reasons = CASE WHEN f.content <> f.mine THEN {used} ELSE reasons END "
        f"FROM (SELECT c.source_row, {', '.join(f'f.{k}' for k in keys)}, f.content, c.mine FROM firsts f JOIN "
        f"(SELECT {same}, source_row, {content} AS mine FROM checked SEMI JOIN again USING ({same}) "
        f"WHERE len(reasons) = 0) c USING ({same}) WHERE f.source_row < c.source_row) f "
        f"WHERE f.source_row = checked.source_row AND {joined}"
    )
