"""`shoal verify`: whether the files of event log and runs are those that their manifests name, byte by byte."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from graph.errors import IntegrityError
from graph.files import sha256_of
from graph.log import EventLog
from graph.runs import RunStore


@dataclass
class Verified:
    """What was looked at, and what is wrong with it (a sentence each); `left_over`: files that belong to nobody."""

    batches: int = 0
    files: int = 0
    size: int = 0
    runs: int = 0
    damaged: list[str] = field(default_factory=list)
    left_over: list[Path] = field(default_factory=list)

    def __str__(self) -> str:
        """One line for a person."""
        parts = f"{self.batches:,} batches of the event log and {self.runs:,} runs"
        rest = f"; {len(self.left_over)} left over by a crash, which the next write removes" if self.left_over else ""
        return f"{parts}: {self.files:,} files, {self.size:,} bytes{rest}"


def verify(log: EventLog, runs: RunStore) -> Verified:
    """Hash every file. Damage is collected, so that one call names all of it."""
    found = Verified()
    with log.connect():  # so that nothing is removed meanwhile
        _log(log, found)
    for run in runs.all():
        found.runs += 1
        try:
            files = dict(run.manifest["files"])
        except (ValueError, KeyError) as error:
            found.damaged.append(f"run {run.run_id}: manifest.json cannot be read: {error}")
            continue
        for name, entry in files.items():
            _file(run.path / name, entry["sha256"], f"run {run.run_id}: {name}", found)
    current = runs.current_id()
    if current is not None and not (runs.root / current / "manifest.json").is_file():
        found.damaged.append(f"{runs.root / 'CURRENT'}: names run {current}, which is not there")
    return found


def _log(log: EventLog, found: Verified) -> None:
    manifest = log.manifest()
    found.batches = len(manifest.batches)
    for segment in manifest.segments:
        for table, entry in segment.files.items():
            name = f"{table}.parquet"
            _file(log.root / "batches" / segment.folder / name, entry["sha256"], f"log: {segment.folder}/{name}", found)
    covered = [n for s in manifest.segments for n in range(s.first, s.last + 1)]
    if covered != list(range(1, len(manifest.batches) + 1)):
        found.damaged.append(f"{log.root}: its folders hold batches {covered}, expected 1 to {len(manifest.batches)}")
    folder = log.root / "batches"
    named = {segment.folder for segment in manifest.segments}
    found.left_over = [p for p in sorted(folder.iterdir()) if p.name not in named] if folder.is_dir() else []


def _file(path: Path, sha256: str, name: str, found: Verified) -> None:
    found.files += 1
    if not path.is_file():
        found.damaged.append(f"{name} is missing")
        return
    found.size += path.stat().st_size
    if sha256_of(path) != sha256:
        found.damaged.append(f"{name} is not what the manifest says (sha256 differs)")


def require_whole(found: Verified) -> None:
    """Raise IntegrityError if anything is damaged."""
    if found.damaged:
        raise IntegrityError(f"{len(found.damaged)} of {found.files:,} files are damaged; a backup has them")
