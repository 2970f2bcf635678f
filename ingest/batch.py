"""The files of a batch: good rows as tables of the log, in order of time, and what is derived of them.

What is private is left out here. Columns that a format does not know go to a table of their own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graph.files import write_table
from graph.model import EXTRAS, LOG_TABLES
from graph.workspace import Workspace
from ingest import media_log
from ingest.objects import derive
from ingest.schema import PRIVATE_COLUMNS, Format
from ingest.validation import GOOD, IDS, PRIVATE

ALWAYS_SORTED = 1_000_000  # rows; sorting so many takes less than a second
VECTOR_ROWS, GROUP_ROWS = 2_048, 122_880  # rows that the engine handles at a time, and those of a row group
OVERLAP = 1.5  # row groups that a moment lies in, on average, up to which sorting would gain nothing
LAST = "QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY source_row DESC) = 1"


def begin(connection: Any) -> None:
    """Make room for what `write_tables` keeps of unknown columns."""
    connection.register("_no_extras", EXTRAS.schema.empty_table())
    connection.execute("CREATE OR REPLACE TEMP TABLE _extras AS SELECT * FROM _no_extras")


def write_tables(
    connection: Any, workspace: Workspace, staging: Path, form: Format, columns_given: dict[str, str]
) -> None:
    """Write the good rows of `checked`, and what is derived of them, to a staged batch.

    Args:
        connection: of the log, with `part` and `checked` (ingest.validation).
        workspace: the data folder, for its log, its secrets and the private texts it may keep.
        staging: the folder of the batch, named after its id.
        form: what the rows are.
        columns_given: of `part`, with their SQL types.
    """
    table = form.table
    good = f"(SELECT * FROM checked WHERE {GOOD})"
    columns = ", ".join(f'"{c}"' for c in LOG_TABLES[table].columns)
    keys = ", ".join(f'"{c}"' for c in LOG_TABLES[table].key)
    order = f'"at", {keys}' if "at" in LOG_TABLES[table].columns else keys
    if table == "interactions":
        sorting = "" if _lies_in_time(connection) else f" ORDER BY {order}"
        stored = f"SELECT {columns} FROM {without_private(good)}{sorting}"
        _copy(connection, stored, staging / "interactions.parquet")
        actions, templates = derive(connection, workspace.log, good, workspace.secret("templates"))
        _copy(connection, actions, staging / "actions.parquet")
        workspace.private_texts.keep(connection, good, staging.name)
        if templates.num_rows:
            write_table(staging / "templates.parquet", templates)
    elif table == "media":
        media, actions = media_log.derive(connection, good)
        write_table(staging / "media.parquet", media)
        if actions.num_rows:
            write_table(staging / "actions.parquet", actions)
    else:
        source = f"{good} {LAST}" if table == "accounts" else good
        _copy(connection, f"SELECT {columns} FROM {source} ORDER BY {order}", staging / f"{table}.parquet")

    unknown = form.unknown(columns_given)
    if unknown:
        _keep_extras(connection, form, unknown)


def write_extras(connection: Any, staging: Path) -> None:
    """Write what was kept of unknown columns of all tables, if anything was."""
    if connection.execute("SELECT count(*) FROM _extras").fetchall()[0][0]:
        _copy(connection, "SELECT * FROM _extras ORDER BY table_name, row_id", staging / "extras.parquet")


def without_private(rows: str) -> str:
    """SQL of rows of interactions without what private ones hold."""
    dropped = ", ".join(f"CASE WHEN kind IN ({PRIVATE}) THEN NULL ELSE {c} END AS {c}" for c in PRIVATE_COLUMNS)
    return f"(SELECT * REPLACE ({dropped}) FROM {rows})"


def _lies_in_time(connection: Any) -> bool:
    """Whether many rows of `checked` lie as in their file, and there nearly in order of time, as in exports.

    The order within a file serves questions about a time alone, by the least and greatest time of each row group. Where
    these hardly overlap, a sort of whole rows would cost a quarter more time and change no answer. Rows that a
    statement brought into an order of its own are sorted in any case: that order may be another one the next time.
    """
    rows, as_in_file, taken, whole = connection.execute(
        f"""
        WITH vectors AS (
            SELECT rowid // {VECTOR_ROWS} AS vector, count(*) AS n, min("at")::HUGEINT AS earliest,
                max("at")::HUGEINT AS latest, min(source_row) AS first, max(source_row) AS last
            FROM checked WHERE {GOOD} GROUP BY ALL
        ),
        placed AS (SELECT *, first > lag(last, 1, 0) OVER (ORDER BY vector) AS follows FROM vectors),
        groups AS (
            SELECT sum(n) AS n, bool_and(follows) AS follow, min(earliest) AS earliest, max(latest) AS latest
            FROM placed GROUP BY vector // {GROUP_ROWS // VECTOR_ROWS}
        )
        SELECT sum(n), bool_and(follow), sum(latest - earliest), max(latest) - min(earliest) FROM groups
        """
    ).fetchall()[0]
    return bool(rows >= ALWAYS_SORTED and as_in_file and taken <= OVERLAP * whole)


def _keep_extras(connection: Any, form: Format, unknown: list[str]) -> None:
    """Keep the columns that the format does not know; none of private interactions, whatever they are called."""
    values = ", ".join(f"'{_escaped(name)}': part.{_quoted(name)}" for name in unknown)
    given = ", ".join(f"part.{_quoted(name)}::VARCHAR" for name in unknown)
    key = IDS.get(form.table, "account_id")
    rows = f"(SELECT * FROM checked WHERE {GOOD}{f' {LAST}' if form.table == 'accounts' else ''})"
    at = 'c."at"' if "at" in LOG_TABLES[form.table].columns else "NULL::BIGINT"
    public = f"c.kind NOT IN ({PRIVATE})" if form.table == "interactions" else "true"
    # a patch of an empty object: nulls go
    connection.execute(
        f"INSERT INTO _extras SELECT '{form.table}', c.{key}, c.account_id, {at}, "
        f"json_merge_patch('{{}}', to_json({{{values}}}))::VARCHAR "
        f"FROM {rows} c JOIN part USING (source_row) WHERE {public} AND coalesce({given}) IS NOT NULL"
    )


def _copy(connection: Any, query: str, target: Path) -> None:
    connection.execute(f"COPY ({query}) TO '{_escaped(target)}' (FORMAT parquet, COMPRESSION zstd)")


def _escaped(text: object) -> str:
    return str(text).replace("'", "''")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
