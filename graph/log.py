"""The event log: what was observed. Append only, a folder of Parquet read by DuckDB.

    log/
        batches/
            000001-5f1c.../        one appended file, named after the hash of its content
                batch.json         source, counts, versions
                interactions.parquet, actions.parquet, accounts.parquet, ...   those it has of graph.model.LOG_TABLES
        .staging/                  a batch in the making; a crash leaves it behind, never half a batch

A batch appears by one rename. The same content has the same batch id, so it is appended once.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from graph.errors import ConflictError
from graph.files import digest_of, sha256_of, sync_folder, write_json
from graph.model import LOG_TABLES

EngineError = duckdb.Error  # what a statement on `EventLog.connect()` may raise


@dataclass(frozen=True)
class Batch:
    """One appended file."""

    sequence: int
    batch_id: str
    path: Path
    info: dict[str, Any]


class EventLog:
    """The log in a folder. Any number of readers; writers hold the data folder's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def batches(self) -> list[Batch]:
        """Every batch, in the order appended."""
        folder = self.root / "batches"
        if not folder.is_dir():
            return []
        return [
            Batch(int(p.name[:6]), p.name[7:], p, json.loads((p / "batch.json").read_text()))
            for p in sorted(folder.iterdir())
        ]

    def has(self, batch_id: str) -> bool:
        """Whether content with this id was appended before."""
        return any(b.batch_id == batch_id for b in self.batches())

    def digest(self) -> str:
        """Names the content of the whole log: equal digests, equal content."""
        return digest_of([b.batch_id for b in self.batches()])

    def stage(self, batch_id: str) -> Path:
        """An empty folder to write `<table>.parquet` files into, before `commit`."""
        staging = self.root / ".staging" / batch_id
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        return staging

    def commit(self, staging: Path, info: dict[str, Any]) -> Batch:
        """Append a staged batch, in one rename."""
        batch_id = staging.name
        if self.has(batch_id):
            raise ConflictError(f"{self.root}: batch {batch_id} is in the log already")
        files = {}
        for name, table in LOG_TABLES.items():
            file = staging / f"{name}.parquet"
            if file.exists():
                schema = pq.read_schema(file)
                if schema.names != table.columns:
                    raise ConflictError(f"{file}: columns {schema.names} are not those of {name}")
                files[name] = {"rows": pq.read_metadata(file).num_rows, "sha256": sha256_of(file)}
        write_json(staging / "batch.json", {**info, "files": files})
        folder = self.root / "batches"
        folder.mkdir(parents=True, exist_ok=True)
        sequence = len(self.batches()) + 1
        target = folder / f"{sequence:06d}-{batch_id}"
        staging.rename(target)
        sync_folder(folder)
        return Batch(sequence, batch_id, target, json.loads((target / "batch.json").read_text()))

    def files(self, table: str) -> list[Path]:
        """The Parquet files of a table, in the order appended."""
        return [p for b in self.batches() if (p := b.path / f"{table}.parquet").exists()]

    def connect(self, *, threads: int = 2, memory: str = "4GB") -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with a view of each table of graph.model.LOG_TABLES.

        `accounts` has one row an account: the one appended last. The other views are append-only as
        they stand: their keys are unique because ingest lets no key in twice.
        """
        connection = duckdb.connect()
        connection.execute(f"SET threads = {int(threads)}")
        connection.execute("SET memory_limit = $memory", {"memory": memory})
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        for name, table in LOG_TABLES.items():
            connection.register(f"_empty_{name}", table.schema.empty_table())
            files = self.files(name)
            columns = ", ".join(f'"{c}"' for c in table.columns)  # quoted: AT is a keyword
            if not files:
                connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM _empty_{name}")
                continue
            listed = ", ".join("'" + str(f).replace("'", "''") + "'" for f in files)
            source = f"read_parquet([{listed}], hive_partitioning = false, filename = true, file_row_number = true)"
            if name == "accounts":
                source = (
                    f"(SELECT * FROM {source} QUALIFY row_number() OVER "
                    "(PARTITION BY account_id ORDER BY filename DESC, file_row_number DESC) = 1)"
                )
            connection.execute(f"CREATE VIEW {name} AS SELECT {columns} FROM {source}")
        return connection
