"""Opening a source file: CSV, JSON Lines, JSON or Parquet becomes one view `raw` of text or typed columns.

`raw` has `source_row` (1-based number of the record, the header not counted) and the file's columns.
Records that cannot be read as records at all go to the table `broken` (source_row, reason, raw_text).
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graph.errors import InputError
from graph.log import EngineError
from ingest import linebreaks
from ingest.encoding import check_text, line_ends, opened

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
MAX_COLUMNS = 1000
MAX_RECORD_BYTES = 64 << 20
AT_ONCE_BYTES = 64 << 20  # of text, what a thread parses at a time
WHOLE_BYTES = 2 << 30  # of text, what may be in memory at a time
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


def open_raw(connection: Any, path: Path, *, limit: int | None = None) -> dict[str, str]:
    """Create the view or table `raw` and the table `broken`; return the columns of `raw` with their SQL types.

    With a limit, only so many records are read, and the bytes are not checked first.

    Raises InputError naming the file when it cannot be read as what its name says.
    """
    check_readable(path)
    kind = suffix_of(path)
    if kind != "parquet" and limit is None:
        check_text(path)
    connection.execute("CREATE OR REPLACE TEMP TABLE broken (source_row BIGINT, reason VARCHAR, raw_text VARCHAR)")
    most = "" if limit is None else f"LIMIT {limit:d}"
    try:
        {"csv": _open_csv, "jsonl": _open_jsonl, "json": _open_json, "parquet": _open_parquet}[kind](
            connection, path, most
        )
    except EngineError as error:
        raise InputError(f"{path}: {_said(path, kind, str(error))}") from error
    return columns_of(connection, "raw")


def columns_of(connection: Any, table: str) -> dict[str, str]:
    """The columns of a table of source rows, with their SQL types."""
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {table}").fetchall() if name != "source_row"}


def let_go(connection: Any) -> None:
    """Empty the tables of source rows, which take more memory than what was made of them."""
    held = "SELECT table_name FROM duckdb_tables() WHERE table_name IN ('parsed', 'raw', 'part')"
    for (name,) in connection.execute(held).fetchall():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM {name} LIMIT 0")


def _said(path: Path, kind: str, error: str) -> str:
    """What a person is told of the engine's error."""
    first = error.splitlines()[0]
    record = re.search(r"at byte (\d+) in record/value (\d+): (.*)", first)
    if record:  # the engine counts records from 2
        return f"row {int(record[2]) - 1}, byte {record[1]} of it: no JSON: {record[3].strip()}"
    ends = line_ends(path) if "invalid state" in first else None
    if ends:
        return f"line {ends[0]} ends in CRLF and line {ends[1]} in LF alone: bring all lines to one end"
    return f"cannot be read as {kind}: {first[:300]}"


def _check_names(names: Sequence[str], where: str) -> None:
    """Raise InputError for names of columns that cannot stand side by side."""
    if not all(names):
        raise InputError(f"{where}: column {list(names).index('') + 1} has no name")
    if len(names) > MAX_COLUMNS:
        raise InputError(
            f"{where}: over {MAX_COLUMNS:,} different columns; give what varies so in one of them, as JSON"
        )
    lower = [n.lower() for n in names]
    twice = [n for n in names if lower.count(n.lower()) > 1]
    if twice:
        alike = "" if len(set(twice)) == 1 else "; names that differ only in case count as one"
        raise InputError(f"{where}: column {', '.join(map(repr, sorted(set(twice))))} stands there twice{alike}")
    if "source_row" in lower:
        raise InputError(f"{where}: column 'source_row': that name is Shoal's own; give it another")


def _header(path: Path) -> tuple[list[str], str]:
    try:
        with opened(path) as file:
            line = file.readline(1 << 20).decode("utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise InputError(f"{path}: line 1: not text in UTF-8: {error}") from error
    line = line.partition("\r")[0] if "\n" not in line else line  # lines may end in CR alone
    delimiter = "\t" if ".tsv" in path.suffixes else max(",;\t", key=line.count)
    names = [n.strip() for n in next(csv.reader([line], delimiter=delimiter), [])]
    if not any(names):
        raise InputError(f"{path}: line 1: no header; the first line names the columns")
    _check_names(names, f"{path}: line 1")
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
        f"max_line_size = {MAX_RECORD_BYTES}, "
        f"{linebreaks.options(path, delimiter, part=AT_ONCE_BYTES, whole=WHOLE_BYTES)})"
    )


def _open_csv(connection: Any, path: Path, most: str) -> None:
    _, scan = csv_scan(path)
    connection.execute("DROP TABLE IF EXISTS reject_errors")
    connection.execute("DROP TABLE IF EXISTS reject_scans")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE parsed AS FROM {scan} {most}",
        {"path": str(path)},
    )
    numbered = "(SELECT rowid + 1 AS source_row, * FROM parsed)"  # numbering while parsing would take one thread
    connection.execute(
        "INSERT INTO broken SELECT line - 1, "
        "'record: ' || string_agg(DISTINCT error_message, '; ' ORDER BY error_message), "
        "left(any_value(csv_line), $kept) FROM reject_errors GROUP BY line",
        {"kept": KEPT_CHARS},
    )
    if connection.execute("SELECT count(*) FROM broken").fetchall()[0][0] == 0:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW raw AS FROM {numbered}")
        return
    # the parser numbers only what it could read: put the broken records back into the count
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE raw AS SELECT * REPLACE (source_row + (SELECT count(*) FROM "
        "(SELECT source_row - row_number() OVER (ORDER BY source_row) AS before FROM broken) b "
        f"WHERE b.before < parsed.source_row) AS source_row) FROM {numbered} parsed"
    )
    connection.execute("DROP TABLE parsed")


def _open_jsonl(connection: Any, path: Path, most: str) -> None:
    # no field is ever cut at these four control characters in a row: JSON has none of them unescaped
    _open_documents(
        connection,
        path,
        "SELECT line FROM read_csv($path, columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, "
        "delim = '\x1f\x1e\x1d\x1c', quote = '', escape = '', "
        f"max_line_size = {MAX_RECORD_BYTES}) {most}",
    )


def _open_json(connection: Any, path: Path, most: str) -> None:
    """The elements of one array, or objects one after another."""
    with opened(path) as file:
        head = file.read(1 << 12).removeprefix(codecs.BOM_UTF8).lstrip()
    layout = "array" if head.startswith(b"[") else "unstructured"  # the engine's own guess fails behind a mark
    _open_documents(
        connection,
        path,
        f"SELECT json::VARCHAR AS line FROM read_json_objects($path, format = '{layout}', "
        f"maximum_object_size = {MAX_RECORD_BYTES}) {most}",
    )


def _open_documents(connection: Any, path: Path, scan: str) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE lines AS SELECT row_number() OVER () AS source_row, line, "
        "json_valid(line) AND coalesce(CASE WHEN json_valid(line) THEN json_type(line) END = 'OBJECT', false) AS good "
        f"FROM ({scan})",
        {"path": str(path)},
    )
    connection.execute(
        "INSERT INTO broken SELECT source_row, 'record: no JSON object', left(line, $kept) FROM lines "
        "WHERE NOT good AND trim(coalesce(line, '')) <> ''",
        {"kept": KEPT_CHARS},
    )
    keys = [
        key
        for (key,) in connection.execute(
            f"SELECT DISTINCT unnest(json_keys(line)) AS k FROM lines WHERE good ORDER BY k LIMIT {MAX_COLUMNS + 1}"
        ).fetchall()
    ]
    if not keys:
        raise InputError(f"{path}: no {'line' if suffix_of(path) == 'jsonl' else 'record'} of it is a JSON object")
    _check_names(keys, str(path))
    paths = ", ".join(f"'/{_escaped(key.replace('~', '~0').replace('/', '~1'))}'" for key in keys)
    values = ", ".join(f'v[{place}] AS "{_quoted(key)}"' for place, key in enumerate(keys, start=1))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE raw AS SELECT source_row, {values} "
        f"FROM (SELECT source_row, json_extract_string(line, [{paths}]) AS v FROM lines WHERE good)"
    )
    connection.execute("DROP TABLE lines")


def _open_parquet(connection: Any, path: Path, most: str) -> None:
    names = [
        name for name, *_ in connection.execute("DESCRIBE FROM read_parquet($path)", {"path": str(path)}).fetchall()
    ]
    _check_names(names, str(path))
    if "file_row_number" in names:
        raise InputError(f"{path}: column 'file_row_number': that name is the engine's own; give it another")
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW raw AS SELECT file_row_number + 1 AS source_row, * EXCLUDE (file_row_number) "
        f"FROM read_parquet('{_escaped(str(path))}', file_row_number = true, hive_partitioning = false) {most}"
    )


def _escaped(text: str) -> str:
    return text.replace("'", "''")


def _quoted(text: str) -> str:
    return text.replace('"', '""')
