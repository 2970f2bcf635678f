"""Tables as files, by suffix: Parquet, CSV, GraphML, GEXF; the choices behind a table travel with it.

The choices (parameters, versions, hashes of the inputs) are one JSON object: in Parquet's key-value metadata under
`shoal`, in a sidecar `FILE.meta.json` of a CSV, in the graph attribute `shoal` of GraphML, in the description of GEXF.
Files hold no dates of creation: the same table and choices give the same bytes.

Parquet and CSV are written as the rows come, graphs (graph.graphfiles) from a whole table.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from graph.errors import InputError
from graph.files import sha256_of, write_json
from graph.graphfiles import read_graph, write_gexf, write_graphml
from graph.versions import versions

Rows: TypeAlias = pa.Table | pa.RecordBatchReader
KEY = b"shoal"
ROW_GROUP = 1 << 20
SHAPING = ("shoal", "duckdb", "numpy", "pandas", "pyarrow", "scipy", "graspologic-native")


def check_target(path: Path, suffixes: tuple[str, ...] = ()) -> None:
    """Raise InputError unless a table can be written to `path`: a known suffix, a folder that may be written to.

    Args:
        path: the file; it need not exist.
        suffixes: those that this kind of table can be written as (default: SUFFIXES).
    """
    known = suffixes or SUFFIXES
    if path.suffix.lower() not in known:
        raise InputError(f"{path}: cannot tell which kind of file to write; expected a name ending in {_listed(known)}")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; expected the name of a file")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: there is no folder {folder}")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder {folder} cannot be written to")


def write_table(table: Rows, path: Path, metadata: Mapping[str, Any], *, directed: bool = False) -> int:
    """Write a table by its suffix, whole or not at all; returns the number of rows.

    Args:
        table: a table, or a reader of record batches, which is not held whole for Parquet and CSV. Text may come in
            dictionaries; every kind of file holds it as text.
        path: where to; check_target tells early what is wrong with it.
        metadata: the choices behind the table, JSON.
        directed: whether a graph file says that its edges lead from the first column to the second.

    Raises:
        InputError: unknown suffix, a place that cannot be written to, or text that the kind of file cannot hold.
    """
    check_target(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    sidecar = path.with_name(path.name + ".meta.json")
    kind, choices = path.suffix.lower(), json.dumps(metadata, sort_keys=True, ensure_ascii=False)
    try:
        if kind in GRAPHS:
            whole = table if isinstance(table, pa.Table) else table.read_all()
            rows = GRAPHS[kind](whole.cast(_in_words(whole.schema)), temporary, choices, directed=directed)
        else:
            rows = ROWS[kind](table, temporary, choices)
        if kind == ".csv":
            # the hash tells which file the sidecar is about, should a crash leave a new one beside an old table
            write_json(sidecar, {**metadata, "file": {"name": path.name, "sha256": sha256_of(temporary)}})
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return rows


def read_table(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """A table written by `write_table`, or anybody's, and the choices it carries (empty: none).

    Of a CSV every column is text: what is a number there, the reader of its columns says (`typed`). Of a graph the
    ends of an edge are `account_a` and `account_b`.

    Raises:
        InputError: there is no such file, it is empty, or it is not what its suffix says.
    """
    kind = path.suffix.lower()
    if kind not in READERS:
        raise InputError(f"{path}: cannot tell what this is; expected a name ending in {_listed(tuple(READERS))}")
    if not path.is_file():
        raise InputError(f"{path}: no such file" if not path.exists() else f"{path}: not a file")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: empty file")
    try:
        return READERS[kind](path)
    except (pa.ArrowException, OSError, ValueError, SyntaxError, KeyError) as error:
        said = (str(error) or type(error).__name__).splitlines()[0][:300]
        raise InputError(f"{path}: cannot be read as {kind[1:]}: {said}") from error


def made_with() -> dict[str, str]:
    """Versions of what shapes a table of edges or clusters, for its choices."""
    return versions(SHAPING)


def typed(
    table: pa.Table, column: str, kind: pa.DataType, where: str, rows: np.ndarray | None = None
) -> pa.ChunkedArray:
    """A column as numbers; empty text is null.

    Args:
        table: the rows.
        column: one of its columns.
        kind: type of number.
        where: name of the file.
        rows: numbers of the rows in the file (default: 1, 2, ...).

    Raises:
        InputError: naming row, column and what was expected.
    """
    values = table.column(column)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        values = pc.if_else(pc.equal(values, ""), None, values)
    try:
        return values.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        expected = "a whole number" if pa.types.is_integer(kind) else "a number"
        for row, value in enumerate(values, 1):
            try:
                value.cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                named = row if rows is None else rows[row - 1]
                raise InputError(
                    f"{where}: row {named}, {column}: {str(value.as_py())[:60]} is not {expected}"
                ) from None
        raise


def _batches(table: Rows) -> Iterator[pa.RecordBatch]:
    yield from table.to_batches(max_chunksize=ROW_GROUP) if isinstance(table, pa.Table) else table


def _groups(table: Rows) -> Iterator[pa.Table]:
    """The rows in tables of up to ROW_GROUP rows, as long as no batch has more: small batches are put together."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in _batches(table):
        if held and rows + batch.num_rows > ROW_GROUP:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
        held.append(batch)
        rows += batch.num_rows
    if held:
        yield pa.Table.from_batches(held)


def _in_words(schema: pa.Schema) -> pa.Schema:
    """The columns of a schema, those in dictionaries as what the dictionaries hold."""
    kinds = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in schema]
    return pa.schema([field.with_type(kind) for field, kind in zip(schema, kinds, strict=True)])


def _write_parquet(table: Rows, path: Path, metadata: str) -> int:
    """Write Parquet. Text in dictionaries is written as such, and is plain text to whoever reads it."""
    schema = table.schema.with_metadata({KEY: metadata.encode()})
    coded = [f.name for f in schema if pa.types.is_dictionary(f.type)]
    # extremes of coded text cost more to find than the text to write, and are of use for the column that rows are in
    # order of
    counted = [name for name in schema.names if name not in coded[1:]]
    rows = 0
    with (
        pq.ParquetWriter(path, schema, compression="zstd", write_statistics=counted, store_schema=not coded) as writer,
        ThreadPoolExecutor(1) as pool,  # one group is written while the next one is made
    ):
        written: Future[Any] = pool.submit(int)
        for group in _groups(table):
            written.result()
            written = pool.submit(writer.write_table, group.replace_schema_metadata(schema.metadata), ROW_GROUP)
            rows += group.num_rows
        written.result()
        if coded:  # the schema that is not stored would have taken them along
            writer.add_key_value_metadata(schema.metadata)
    return rows


def _write_csv(table: Rows, path: Path, _metadata: str) -> int:
    schema, rows = _in_words(table.schema), 0
    with pcsv.CSVWriter(path, schema, write_options=pcsv.WriteOptions(quoting_style="needed")) as writer:
        for batch in _batches(table):
            writer.write_batch(batch.cast(schema))
            rows += batch.num_rows
    return rows


def _read_parquet(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    table = pq.read_table(path, partitioning=None)
    kept = (table.schema.metadata or {}).get(KEY)
    return table.replace_schema_metadata(None), json.loads(kept) if kept else {}


def _read_csv(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        names = pcsv.open_csv(pa.BufferReader(file.readline().encode())).schema.names
    table = pcsv.read_csv(
        path,
        read_options=pcsv.ReadOptions(use_threads=False),  # errors then name their row
        convert_options=pcsv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, quoted_strings_can_be_null=False
        ),
    )
    sidecar = path.with_name(path.name + ".meta.json")
    kept = {}
    if sidecar.is_file():
        with contextlib.suppress(ValueError):
            kept = json.loads(sidecar.read_text(encoding="utf-8"))
    about = kept.pop("file", {}) if isinstance(kept, dict) else {}
    return table, kept if about.get("sha256") == sha256_of(path) else {}


def _listed(suffixes: tuple[str, ...]) -> str:
    return f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"


ROWS: dict[str, Callable[[Rows, Path, str], int]] = {".parquet": _write_parquet, ".csv": _write_csv}
GRAPHS: dict[str, Callable[..., int]] = {".graphml": write_graphml, ".gexf": write_gexf}
SUFFIXES = (*ROWS, *GRAPHS)
READERS: dict[str, Callable[[Path], tuple[pa.Table, dict[str, Any]]]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".graphml": read_graph,
    ".gexf": read_graph,
}
