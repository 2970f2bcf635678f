"""From a file to the event log: read, validate, derive actions, append. Nothing is lost, nothing twice.

A batch is named after the bytes of its file, so the same file changes nothing; rows whose event was in
the log already are counted as repeated; rows that cannot be used go to a reject file with reasons.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Any

from graph.errors import InputError
from graph.files import sha256_of, write_table
from graph.log import EventLog
from graph.model import LOG_TABLES, PRIVATE_KINDS
from graph.workspace import Workspace
from ingest import formats as formats_folder
from ingest.objects import derive
from ingest.readers import open_raw
from ingest.rejects import write_rejects
from ingest.schema import Format

VERSION = 2  # of what this module makes of a file; part of the batch id
IDS = {"interactions": "event_id", "actions": "event_id", "labels": "label_id"}


@dataclass(frozen=True)
class Ingested:
    """What became of one file. `rows` = appended + repeated + rejected, in source rows."""

    path: Path
    table: str
    rows: int
    appended: int
    repeated: int
    rejected: int
    rejects: Path | None
    known: bool = False  # the same file was appended before; nothing was done

    def __str__(self) -> str:
        """One line for a person."""
        if self.known:
            return f"{self.path}: in the log already, nothing to do"
        refused = f", {self.rejected:,} rejected (see {self.rejects})" if self.rejected else ""
        again = f", {self.repeated:,} in the log already" if self.repeated else ""
        return f"{self.path}: {self.rows:,} rows of {self.table}: {self.appended:,} appended{again}{refused}"


def choose_format(name: str, columns: dict[str, str], where: str) -> Format:
    """The table of format `name` that a file with these columns holds: the one whose columns fit best."""
    known = sorted(module.name.replace("_", "-") for module in iter_modules(formats_folder.__path__))
    if name not in known:
        raise InputError(f"no format {name!r}; there are {', '.join(known)}")
    formats: tuple[Format, ...] = import_module(f"ingest.formats.{name.replace('-', '_')}").FORMATS
    best = max(formats, key=lambda f: sum(i.column in columns for i in f.fields))
    best.require(columns, where)
    return best


def ingest(workspace: Workspace, path: Path, format_name: str = "native", *, now: int | None = None) -> Ingested:
    """Append one file to the event log. The caller holds `workspace.writing()`.

    Args:
        workspace: the data folder.
        path: a CSV, JSON Lines or Parquet file (CSV and JSON Lines may be gzipped).
        format_name: a module of ingest.formats.
        now: the present in microseconds UTC, for refusing times in the future (default: the clock).

    Raises:
        InputError: the file is unreadable, empty, lacks columns, or no row of it can be used.
    """
    log = workspace.log
    if not path.is_file() or path.stat().st_size == 0:
        open_raw(None, path)  # says what is wrong with it
    batch_id = hashlib.sha256(f"{sha256_of(path)}:{format_name}:{VERSION}".encode()).hexdigest()[:32]
    if log.has(batch_id):
        return Ingested(path, "", 0, 0, 0, 0, None, known=True)
    connection = log.connect()
    try:
        connection.execute(f"SET temp_directory = '{str(workspace.root / '.spill').replace(chr(39), chr(39) * 2)}'")
        return _append(connection, workspace, log, path, format_name, batch_id, now or time.time_ns() // 1000)
    finally:
        connection.close()


def _append(
    connection: Any, workspace: Workspace, log: EventLog, path: Path, format_name: str, batch_id: str, now: int
) -> Ingested:
    columns = open_raw(connection, path)
    form = choose_format(format_name, columns, str(path))
    connection.execute(f"CREATE TEMP TABLE checked AS {form.select(columns, now)}")
    _name_rows(connection, form.table)
    _mark_repeats(connection, form.table)
    rows, bad, broken, repeated = connection.execute(
        "SELECT (SELECT count(*) FROM checked), (SELECT count(*) FROM checked WHERE len(reasons) > 0), "
        "(SELECT count(*) FROM broken), (SELECT count(*) FROM checked WHERE len(reasons) = 0 AND repeated)"
    ).fetchall()[0]
    rejects = write_rejects(connection, workspace.rejects / f"{batch_id}.jsonl", path.name) if bad + broken else None
    rejected, good = bad + broken, rows - bad - repeated
    if rows + broken == 0:
        raise InputError(f"{path}: no rows")
    if good == 0 and repeated == 0:
        first = connection.execute(
            "SELECT source_row, reason FROM (SELECT source_row, reasons[1] AS reason FROM checked "
            "UNION ALL SELECT source_row, reason FROM broken) ORDER BY source_row LIMIT 1"
        ).fetchall()[0]
        raise InputError(
            f"{path}: none of its {rejected:,} rows can be used; row {first[0]}, {first[1]}; all of them: {rejects}"
        )
    staging = log.stage(batch_id)
    _write_tables(connection, workspace, log, staging, form.table)
    log.commit(
        staging,
        {
            "source": path.name,
            "format": form.name,
            "table": form.table,
            "version": VERSION,
            "rows": rows + broken,
            "appended": good,
            "repeated": repeated,
            "rejected": rejected,
        },
    )
    return Ingested(path, form.table, rows + broken, good, repeated, rejected, rejects)


def _fields(table: str) -> str:
    """SQL of one text holding every field but the id, with lengths: what makes two rows the same."""
    columns = [c for c in LOG_TABLES[table].columns if c != IDS.get(table)]
    parts = ", ".join(f"coalesce(length(\"{c}\"::VARCHAR) || ':' || \"{c}\"::VARCHAR, '-')" for c in columns)
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
    same, content = ", ".join(keys), f"sha256({_fields(table)})"
    connection.execute(
        f"CREATE TEMP TABLE earlier AS SELECT {same}, {content} AS content, 0 AS source_row "
        f"FROM {table} SEMI JOIN (SELECT {key} FROM checked) USING ({key})"
    )
    connection.execute(
        f"CREATE TEMP TABLE again AS SELECT {same} FROM checked WHERE len(reasons) = 0 "
        f"GROUP BY ALL HAVING count(*) > 1 UNION SELECT {same} FROM earlier"
    )
    if not connection.execute("SELECT 1 FROM again LIMIT 1").fetchall():
        return
    connection.execute(
        f"CREATE TEMP TABLE firsts AS "
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


def _write_tables(connection: Any, workspace: Workspace, log: EventLog, staging: Path, table: str) -> None:
    good = "(SELECT * FROM checked WHERE len(reasons) = 0 AND NOT repeated)"
    columns = ", ".join(f'"{c}"' for c in LOG_TABLES[table].columns)
    order = '"at", ' if "at" in LOG_TABLES[table].columns else ""
    keys = ", ".join(f'"{c}"' for c in LOG_TABLES[table].key)
    if table == "interactions":
        private = ", ".join(f"'{k}'" for k in PRIVATE_KINDS)
        dropped = ", ".join(
            f"CASE WHEN kind IN ({private}) THEN NULL ELSE {c} END AS {c}" for c in ("text", "urls", "hashtags")
        )
        hidden = f"(SELECT * REPLACE ({dropped}) FROM {good})"
        _copy(connection, f"SELECT {columns} FROM {hidden} ORDER BY {order}{keys}", staging / "interactions.parquet")
        actions, templates = derive(connection, log, good, workspace.secret("templates"))
        _copy(connection, actions, staging / "actions.parquet")
        if templates.num_rows:
            write_table(staging / "templates.parquet", templates)
    else:
        source = (
            f"{good} QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY source_row DESC) = 1"
            if table == "accounts"
            else good
        )
        _copy(connection, f"SELECT {columns} FROM {source} ORDER BY {order}{keys}", staging / f"{table}.parquet")


def _copy(connection: Any, query: str, target: Path) -> None:
    connection.execute(
        f"COPY ({query}) TO '{str(target).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
    )
