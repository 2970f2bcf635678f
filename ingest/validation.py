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

IDS = {"interactions": "event_id", "actions": "event_id", "labels": "label_id"}
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
    """Make `checked` from `part`: source_row, the table's values, reasons, content, repeated.

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
    return Counts(*found, forgotten)


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
    connection.execute(
        f"ALTER TABLE checked ADD COLUMN content VARCHAR; UPDATE checked SET content = sha256({_fields(table)})"
    )
    if table in IDS:
        key = f'"{IDS[table]}"'
        connection.execute(
            f"UPDATE checked SET {key} = 'h' || left(sha256(content || ':' || n.n), 31) FROM "
            f"(SELECT source_row, row_number() OVER (PARTITION BY content ORDER BY source_row) AS n FROM checked "
            f"WHERE {key} IS NULL) n WHERE n.source_row = checked.source_row AND {key} IS NULL"
        )


def _mark_repeats(connection: Any, table: str) -> None:
    """Mark rows whose id was used before: with the same content a repeat, with other content a reject."""
    connection.execute("ALTER TABLE checked ADD COLUMN repeated BOOLEAN DEFAULT false")
    if table not in IDS:
        return
    if table == "interactions":  # the log has no private text to compare with
        connection.execute(
            f"UPDATE checked SET content = sha256({_fields(table, without=PRIVATE_COLUMNS)}) WHERE kind IN ({PRIVATE})"
        )
    key = f'"{IDS[table]}"'
    # for actions an event may act on several objects: the key of the table is what repeats
    keys = [f'"{c}"' for c in LOG_TABLES[table].key]
    same = ", ".join(keys)
    connection.execute("DROP TABLE IF EXISTS earlier; DROP TABLE IF EXISTS firsts")
    connection.execute(
        f"CREATE TEMP TABLE earlier AS SELECT {same}, sha256({_fields(table)}) AS content, 0 AS source_row "
        f"FROM {table} SEMI JOIN (SELECT {key} FROM checked) USING ({key})"
    )
    connection.execute(
        f"CREATE TEMP TABLE firsts AS "
        f"SELECT {same}, arg_min(content, source_row) AS content, min(source_row) AS source_row "
        f"FROM (SELECT {same}, content, source_row FROM checked WHERE len(reasons) = 0 UNION ALL FROM earlier) "
        f"GROUP BY ALL"
    )
    joined = " AND ".join(f"checked.{k} = f.{k}" for k in keys)
    used = f"['{IDS[table]}: ' || left(checked.{key}, 60) || ' was used before with other content']"
    connection.execute(
        f"UPDATE checked SET repeated = f.content = checked.content, "
        f"reasons = CASE WHEN f.content <> checked.content THEN {used} ELSE reasons END "
        f"FROM firsts f WHERE {joined} AND f.source_row < checked.source_row AND len(reasons) = 0"
    )
