"""The event log: what was observed. Append only, a folder of Parquet read by DuckDB.

    log/
        manifest.json              which batches the log has, in which files, and their hashes (graph.manifest)
        batches/
            000001-5f1c.../        one appended file, named after the hash of its content
                batch.json         source, counts, versions
                interactions.parquet, actions.parquet, accounts.parquet, ...   those it has of graph.model.LOG_TABLES
            000001-000120-1/       several that were put together (graph.compaction)
        .staging/                  a batch in the making; a crash leaves it behind, never half a batch
        .readers                   held by whoever reads, so that no file goes away under a query

A batch appears with the manifest that names it. The same content has the same batch id, so it is appended once.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from graph import manifest as manifests
from graph.errors import ConflictError
from graph.files import digest_of, sha256_of, sync_file, sync_folder, write_json
from graph.manifest import Batch, Manifest, Segment
from graph.model import LOG_TABLES

__all__ = ["Batch", "EngineError", "EventLog"]

EngineError = duckdb.Error  # what a statement on `EventLog.connect()` may raise


class EventLog:
    """The log in a folder. Any number of readers; writers hold the data folder's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def manifest(self) -> Manifest:
        """What the log is now."""
        return manifests.read(self.root)

    def batches(self) -> list[Batch]:
        """Every batch, in the order appended."""
        return list(self.manifest().batches)

    def has(self, batch_id: str) -> bool:
        """Whether content with this id was appended before."""
        return any(b.batch_id == batch_id for b in self.batches())

    def digest(self) -> str:
        """Names the content of the whole log: equal digests, equal content."""
        manifest = self.manifest()
        return digest_after([b.batch_id for b in manifest.batches], manifest.forgotten.times)

    def stage(self, batch_id: str) -> Path:
        """An empty folder to write `<table>.parquet` files into, before `commit`."""
        staging = self.root / ".staging" / batch_id
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        return staging

    def commit(self, staging: Path, info: dict[str, Any]) -> Batch:
        """Append a staged batch: its folder is put in place, then the manifest that names it."""
        batch_id, manifest = staging.name, self.manifest()
        if any(b.batch_id == batch_id for b in manifest.batches):
            raise ConflictError(f"{self.root}: batch {batch_id} is in the log already")
        files = describe(staging)
        write_json(staging / "batch.json", {**info, "files": files})
        batch = Batch(len(manifest.batches) + 1, batch_id, {**info, "files": files})
        self.put(staging, f"{batch.sequence:06d}-{batch_id}")
        segment = Segment(f"{batch.sequence:06d}-{batch_id}", batch.sequence, batch.sequence, files)
        manifests.write(self.root, manifest.appended(batch, segment))
        return batch

    def put(self, staging: Path, name: str) -> None:
        """Move a staged folder to where the next manifest names it, whole and on disk."""
        folder = self.root / "batches"
        folder.mkdir(parents=True, exist_ok=True)
        for file in staging.iterdir():
            sync_file(file)
        sync_folder(staging)
        if (folder / name).exists():  # left by a crash between the two steps; no manifest names it
            shutil.rmtree(folder / name)
        staging.rename(folder / name)
        sync_folder(folder)

    def clear(self, patience_s: float = 0.0) -> bool:
        """Remove the files that the manifest does not name. False: somebody reads still, they stay for now."""
        folder = self.root / "batches"
        if not (self.root / manifests.NAME).exists() or not folder.is_dir():
            return True
        named = {segment.folder for segment in self.manifest().segments}
        unnamed = [path for path in folder.iterdir() if path.name not in named]
        if not unnamed:
            return True
        descriptor = os.open(self.root / ".readers", os.O_RDWR | os.O_CREAT, 0o644)
        deadline = time.monotonic() + patience_s
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        return False
                    time.sleep(0.05)
            for path in unnamed:
                shutil.rmtree(path)
            return True
        finally:
            os.close(descriptor)

    def segments(self) -> list[Segment]:
        """The folders in which the rows of `batches()` lie."""
        last = len(self.batches())
        return [segment for segment in self.manifest().segments if segment.first <= last]

    def files(self, table: str, segments: Sequence[Segment] | None = None) -> list[Path]:
        """The Parquet files of a table (in these segments alone), in the order appended."""
        chosen = self.segments() if segments is None else segments
        return [self.root / "batches" / s.folder / f"{table}.parquet" for s in chosen if table in s.files]

    def source(self, table: str, segments: Sequence[Segment] | None = None, last: int | None = None) -> str:
        """SQL of a table's rows (of these segments, of batches up to `last`) as appended, for what `connect` returns.

        Beside the table's columns: `batch`, the number of the batch that a row came with; `place`, its place in the
        file.
        """
        columns = ", ".join(f'"{c}"' for c in LOG_TABLES[table].columns)  # quoted: AT is a keyword
        last = len(self.batches()) if last is None else last
        chosen = self.segments() if segments is None else list(segments)
        alone = self.files(table, [s for s in chosen if s.first == s.last])
        joined = self.files(table, [s for s in chosen if s.first != s.last])
        parts = []
        if alone:
            number = r"regexp_extract(filename, '([0-9]+)-[^/]*/[^/]*$', 1)::INTEGER"
            parts.append(
                f"SELECT {columns}, {number} AS batch, file_row_number AS place FROM read_parquet({_listed(alone)}, "
                "hive_partitioning = false, filename = true, file_row_number = true)"
            )
        if joined:
            parts.append(
                f"SELECT {columns}, batch, file_row_number AS place FROM read_parquet({_listed(joined)}, "
                f"hive_partitioning = false, file_row_number = true) WHERE batch <= {last}"
            )
        return " UNION ALL ".join(parts) or f"SELECT {columns}, 0 AS batch, 0::BIGINT AS place FROM _empty_{table}"

    def connect(self, *, threads: int = 2, memory: str = "4GB") -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with a view of each table of graph.model.LOG_TABLES.

        `accounts` has one row an account: the one appended last. The other views are append-only as
        they stand: their keys are unique because ingest lets no key in twice. While the connection lives, no file
        of these views is removed.
        """
        connection = duckdb.connect()
        self._hold(connection)
        connection.execute(f"SET threads = {int(threads)}")
        connection.execute("SET memory_limit = $memory", {"memory": memory})
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        last, segments = len(self.batches()), self.segments()  # once: all views are of one moment
        for name, table in LOG_TABLES.items():
            connection.register(f"_empty_{name}", table.schema.empty_table())
            columns = ", ".join(f'"{c}"' for c in table.columns)
            newest = "QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY batch DESC, place DESC) = 1"
            only = newest if name == "accounts" else ""
            connection.execute(
                f"CREATE VIEW {name} AS SELECT {columns} FROM ({self.source(name, segments, last)}) {only}"
            )
        return connection

    def _hold(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Keep the files that are named now until the connection is gone."""
        try:
            descriptor = os.open(self.root / ".readers", os.O_RDONLY | os.O_CREAT, 0o644)
        except OSError:  # no log yet, or a folder that cannot be written: then nobody removes anything here either
            return
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        weakref.finalize(connection, os.close, descriptor).atexit = False


def digest_after(batch_ids: Sequence[str], times: int) -> str:
    """The digest of a log of these batches from which something was forgotten so many times."""
    return digest_of([*batch_ids, {"forgotten": times}] if times else list(batch_ids))


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows and hash of each table's file in a folder. Raises ConflictError for columns that are not the table's."""
    files = {}
    for name, table in LOG_TABLES.items():
        file = folder / f"{name}.parquet"
        if file.exists():
            found = pq.read_schema(file).names
            if found not in (table.columns, [*table.columns, "batch"]):
                raise ConflictError(f"{file}: columns {found} are not those of {name}")
            files[name] = {"rows": pq.read_metadata(file).num_rows, "sha256": sha256_of(file)}
    return files


def _listed(files: Sequence[Path]) -> str:
    return "[" + ", ".join("'" + str(f).replace("'", "''") + "'" for f in files) + "]"
