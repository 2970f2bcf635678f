"""Runs: what was inferred, one immutable folder each.

    runs/
        CURRENT                    the id of the current run, replaced atomically
        20261122T101500Z-1a2b3c4d/
            manifest.json          parameters, data window, versions, hashes, parent run
            edges.parquet ...      the tables of graph.model.RUN_TABLES
        .building/1a2b3c4d.../     a run in the making, named after what determines its result

A run in the making is found again after a crash by its key (everything that determines the result),
so finished steps are not done twice. `finish` renames the folder: a run is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from graph.errors import IntegrityError, NothingFoundError
from graph.files import digest_of, sha256_of, sync_folder, write_bytes, write_json, write_table
from graph.model import RUN_TABLES


@dataclass(frozen=True)
class Run:
    """One finished run. Read-only."""

    run_id: str
    path: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest: run_id, created_at, parent, key, steps, files."""
        manifest: dict[str, Any] = json.loads((self.path / "manifest.json").read_text())
        return manifest

    def has(self, name: str) -> bool:
        """Whether the run holds this table or file."""
        return _file_name(name) in self.manifest["files"]

    @property
    def model_sha256(self) -> str | None:
        """Names the model that made the run's scores: SHA-256 of its model.pt; None where no model scored it."""
        entry = self.manifest["files"].get("model.pt")
        return None if entry is None else str(entry["sha256"])

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table of the run, by its name in graph.model.RUN_TABLES."""
        if not self.has(name):
            raise NothingFoundError(f"run {self.run_id} has no {name}: that step was not part of it")
        table: pa.Table = pq.read_table(self.path / _file_name(name), columns=columns, partitioning=None)
        return table

    def table_or_empty(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table of the run; without rows where the run was made without that step."""
        if self.has(name):
            return self.table(name, columns)
        empty = RUN_TABLES[name].schema.empty_table()
        return empty.select(columns) if columns else empty

    def verify(self) -> None:
        """Check every file against its hash. Raises IntegrityError naming the file."""
        for name, entry in self.manifest["files"].items():
            file = self.path / name
            if not file.is_file():
                raise IntegrityError(f"run {self.run_id}: {name} is missing")
            if sha256_of(file) != entry["sha256"]:
                raise IntegrityError(f"run {self.run_id}: {name} is not what the manifest says (sha256 differs)")


class Building:
    """A run in the making. Steps write files, then say they are done; a finished step is not done again."""

    def __init__(self, store: RunStore, path: Path, key: dict[str, Any]) -> None:
        self.store, self.path, self.key = store, path, key
        path.mkdir(parents=True, exist_ok=True)
        self._state = path / "steps.json"
        self.steps: dict[str, Any] = json.loads(self._state.read_text()) if self._state.exists() else {}

    def is_done(self, step: str) -> bool:
        """Whether the step was finished, now or before a crash."""
        return step in self.steps

    def done(self, step: str, **info: Any) -> None:
        """Record the step as finished, with figures worth keeping in the manifest (no times)."""
        self.steps[step] = info
        write_json(self._state, self.steps)

    def write(self, name: str, table: pa.Table) -> None:
        """Write a table of graph.model.RUN_TABLES, checked against its schema."""
        write_table(self.path / _file_name(name), RUN_TABLES[name].check(table, f"run table {name}"))

    def write_file(self, name: str, data: bytes) -> None:
        """Write any other file of the run (a checkpoint, a report)."""
        write_bytes(self.path / name, data)

    def table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        """A table written by an earlier step."""
        table: pa.Table = pq.read_table(self.path / _file_name(name), columns=columns, partitioning=None)
        return table

    def finish(self, parent: str | None, versions: dict[str, str]) -> Run:
        """Write the manifest and make the run visible, in one rename. Does not make it current."""
        files = {
            file.name: {
                "sha256": sha256_of(file),
                "bytes": file.stat().st_size,
                **({"rows": pq.read_metadata(file).num_rows} if file.suffix == ".parquet" else {}),
            }
            for file in sorted(self.path.iterdir())
            if file.name not in ("steps.json", "manifest.json") and not file.name.startswith(".")
        }
        created = datetime.now(UTC)
        run_id = f"{created:%Y%m%dT%H%M%S%fZ}-{digest_of(self.key)[:8]}"
        manifest = {
            "run_id": run_id,
            "created_at": created.isoformat(),
            "parent": parent,
            "key": self.key,
            "steps": self.steps,
            "versions": versions,
            "files": files,
        }
        write_json(self.path / "manifest.json", manifest)
        self._state.unlink(missing_ok=True)
        target = self.store.root / run_id
        self.path.rename(target)
        sync_folder(self.store.root)
        return Run(run_id, target)


class RunStore:
    """The folder of runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, key: dict[str, Any]) -> Building:
        """Start a run, or go on with the one a crash left, by its key (what determines the result)."""
        return Building(self, self.root / ".building" / digest_of(key)[:32], key)

    def derive(self, run: Run, key: dict[str, Any]) -> Building:
        """Start a run that takes over every file of `run` (hard links) and adds to them."""
        building = self.begin({**run.manifest["key"], **key})
        for name in run.manifest["files"]:
            target = building.path / name
            if not target.exists():
                os.link(run.path / name, target)
        for step, info in run.manifest["steps"].items():
            if not building.is_done(step):
                building.done(step, **info)
        return building

    def all(self) -> list[Run]:
        """Every finished run, oldest first."""
        if not self.root.is_dir():
            return []
        return [Run(p.name, p) for p in sorted(self.root.iterdir()) if (p / "manifest.json").is_file()]

    def get(self, run_id: str) -> Run:
        """The run of this id; `CURRENT` means the current one."""
        if run_id == "CURRENT":
            return self.current()
        for run in self.all():
            if run.run_id == run_id:
                return run
        raise NothingFoundError(f"{self.root}: no run {run_id!r}; there are {len(self.all())} runs")

    def current_id(self) -> str | None:
        """Id of the current run, or None before the first."""
        pointer = self.root / "CURRENT"
        return pointer.read_text().strip() if pointer.is_file() else None

    def current(self) -> Run:
        """The current run. Raises NothingFoundError before the first."""
        run_id = self.current_id()
        if run_id is None:
            raise NothingFoundError(f"{self.root}: no run yet; `shoal run EVENTS` or `shoal detect` makes one")
        return Run(run_id, self.root / run_id)

    def current_or_none(self) -> Run | None:
        """The current run, or None before the first."""
        return None if self.current_id() is None else self.current()

    def find(self, key: dict[str, Any]) -> Run | None:
        """The newest finished run made from this key: equal keys, equal results."""
        wanted = json.loads(json.dumps(key))
        return next((run for run in reversed(self.all()) if run.manifest["key"] == wanted), None)

    def make_current(self, run: Run) -> None:
        """Point readers at `run`: they see the old run or the new one, never half of one."""
        write_bytes(self.root / "CURRENT", (run.run_id + "\n").encode())

    def discard(self, building: Building) -> None:
        """Throw a run in the making away."""
        shutil.rmtree(building.path, ignore_errors=True)


def _file_name(name: str) -> str:
    return f"{name}.parquet" if name in RUN_TABLES else name
