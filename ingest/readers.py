"""Opening a source file: CSV, JSON Lines or Parquet becomes one view `raw` of text or typed columns.

`raw` has `source_row` (1-based number of the record, the header not counted) and the file's columns.
Records that cannot be read as records at all go to the table `broken` (source_row, reason, raw_text).
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.log import EngineError

SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
MAX_RECORD_BYTES = 64 << 20
KEPT_CHARS = 2000  # of a refused record's text


def source_files(path: Path) -> list[Path]:
    """The files to ingest: the file itself, or a folder's files in order (its subfolders are left alone)."""
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.is_file() and any(s in SUFFIXES for s in p.suffixes))
    if not files:
        raise InputError(f"{path}: no file in this folder ends in {', '.join(SUFFIXES)}")
    return files


def refuse_overwriting(events: Sequence[Path], *targets: Path) -> None:
    """Raise InputError if a file to be written is one of the event files, by whatever name."""
    written = [path for path in targets if path.exists()]
    for path in events:
        for file in source_files(path):
            for target in written:
                if file.exists() and file.samefile(target):
                    raise InputError(f"{target}: is one of the files that are read; give it another name")


def suffix_of(path: Path) -> str:
    """csv, jsonl or parquet, by the file's name (a trailing .gz or .zst is looked through)."""
    suffixes = [s for s in path.suffixes if s not in (".gz", ".zst")]
    kind = SUFFIXES.get(suffixes[-1].lower() if suffixes else "")
    if kind is None:
        raise InputError(f"{path}: cannot tell what this is; expected a name ending in {', '.join(SUFFIXES)}")
    return kind


def check_readable(path: Path) -> None:
    """Raise InputError unless `path` is a file with something in it."""
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.is_file():
        raise InputError(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty file")


def open_raw(connection: Any, path: Path) -> dict[str, str]:
    """Create the view or table `raw` and the table `broken`; return the columns of `raw` with their SQL types.

    Raises InputError naming the file when it cannot be read as what its name says.
    """
    check_readable(path)
    kind = suffix_of(path)
    connection.execute("CREATE OR REPLACE TEMP TABLE broken (source_row BIGINT, reason VARCHAR, raw_text VARCHAR)")
    try:
        {"csv": _open_csv, "jsonl": _open_jsonl, "parquet": _open_parquet}[kind](connection, path)
    except EngineError as error:
        raise InputError(f"{path}: cannot be read as {kind}: {str(error).splitlines()[0][:300]}") from error
    described = connection.execute("DESCRIBE raw").fetchall()
    return {name: kind for name, kind, *_ in described if name != "source_row"}


def _header(path: Path) -> tuple[list[str], str]:
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            line = file.readline(1 << 20)
    except (UnicodeDecodeError, OSError, EOFError) as error:
        raise InputError(f"{path}: line 1: not text in UTF-8: {error}") from error
    delimiter = "\t" if ".tsv" in path.suffixes else max(",;\t", key=line.count)
    names = [n.strip() for n in next(csv.reader([line], delimiter=delimiter), [])]
    if not any(names):
        raise InputError(f"{path}: line 1: no header; the first line names the columns")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"{path}: line 1: column {', '.join(map(repr, twice))} stands there twice")
    return names, delimiter


def csv_scan(path: Path) -> tuple[list[str], str]:
    """The columns of a CSV file, and SQL of its records as text, in their order; its parameter is `$path`.

    Records that cannot be read are left out and go to the table reject_errors.
    """
    names, delimiter = _header(path)
    columns = "{" + ", ".join(f"'{_escaped(n)}': 'VARCHAR'" for n in names) + "}"
    return names, (
        f"read_csv($path, columns = {columns}, auto_detect = false, header = true, delim = '{delimiter}', "
        "quote = '\"', escape = '\"', ignore_errors = true, store_rejects = true, rejects_limit = 0, "
        f"max_line_size = {MAX_RECORD_BYTES})"
    )


def _open_csv(connection: Any, path: Path) -> None:
    _, scan = csv_scan(path)
    connection.execute("DROP TABLE IF EXISTS reject_errors")
    connection.execute("DROP TABLE IF EXISTS reject_scans")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE parsed AS SELECT row_number() OVER () AS n, * FROM {scan}", {"path": str(path)}
    )
    connection.execute(
        "INSERT INTO broken SELECT line - 1, "
        "'record: ' || string_agg(DISTINCT error_message, '; ' ORDER BY error_message), "
        "left(any_value(csv_line), $kept) FROM reject_errors GROUP BY line",
        {"kept": KEPT_CHARS},
    )
    if connection.execute("SELECT count(*) FROM broken").fetchall()[0][0] == 0:
        connection.execute("CREATE OR REPLACE TEMP VIEW raw AS SELECT n AS source_row, * EXCLUDE (n) FROM parsed")
        return
    # the parser numbers only what it could read: put the broken records back into the count
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE raw AS SELECT n + (SELECT count(*) FROM "
        "(SELECT source_row - row_number() OVER (ORDER BY source_row) AS before FROM broken) b WHERE b.before < n) "
        "AS source_row, * EXCLUDE (n) FROM parsed"
    )
    connection.execute("DROP TABLE parsed")


def _open_jsonl(connection: Any, path: Path) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE lines AS SELECT row_number() OVER () AS source_row, line, "
        "json_valid(line) AND coalesce(CASE WHEN json_valid(line) THEN json_type(line) END = 'OBJECT', false) AS good "
        "FROM read_csv($path, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01', "
        f"quote = '', escape = '', max_line_size = {MAX_RECORD_BYTES})",
        {"path": str(path)},
    )
    connection.execute(
        "INSERT INTO broken SELECT source_row, 'record: no JSON object', left(line, $kept) FROM lines "
        "WHERE NOT good AND trim(coalesce(line, '')) <> ''",
        {"kept": KEPT_CHARS},
    )
    keys = connection.execute(
        "SELECT DISTINCT unnest(json_keys(line)) AS k FROM lines WHERE good ORDER BY k LIMIT 1000"
    ).fetchall()
    if not keys:
        raise InputError(f"{path}: no line of it is a JSON object")
    values = ", ".join(
        f'json_extract_string(line, \'$."{_escaped(k)}"\') AS "{_quoted(k)}"' for (k,) in keys if '"' not in k
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw AS SELECT source_row, {values} FROM lines WHERE good")
    connection.execute("DROP TABLE lines")


def _open_parquet(connection: Any, path: Path) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW raw AS SELECT file_row_number + 1 AS source_row, * EXCLUDE (file_row_number) "
        f"FROM read_parquet('{_escaped(str(path))}', file_row_number = true, hive_partitioning = false)"
    )


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def _quoted(text: str) -> str:
    return text.replace('"', '""')
