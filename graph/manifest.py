"""The event log's manifest: which batches the log has, and in which files their rows lie, each with its hash.

`log/manifest.json` alone says what the log is. It is replaced whole, so a reader sees the log of before or of after;
files that it does not name are what a crash left, and belong to nobody. It carries the hash of its own content. A
hash finds damage; it keeps nobody out who may write here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from graph.errors import ConflictError, IntegrityError
from graph.files import digest_of, write_bytes

VERSION = 2  # 2: interactions have media and conversation_id
NAME = "manifest.json"


@dataclass(frozen=True)
class Batch:
    """One appended file: its place in the order of appending (from 1), its id, and what was said of it then."""

    sequence: int
    batch_id: str
    info: dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """A folder below `batches/` with the rows of one batch, or of several that follow one another.

    Attributes:
        folder: its name; it begins with the number of the first batch.
        first: that number.
        last: number of the last batch. Where it is another, the files have a last column more, `batch`.
        files: table -> rows and sha256 of `<table>.parquet`.
    """

    folder: str
    first: int
    last: int
    files: dict[str, dict[str, Any]]

    @property
    def rows(self) -> int:
        """Rows of its largest table."""
        return max((file["rows"] for file in self.files.values()), default=0)


@dataclass(frozen=True)
class Forgotten:
    """What the log must not take in again (graph.forgotten).

    Attributes:
        times: how often something was forgotten; the log's digest counts it.
        before: events from before this time, microseconds UTC, are not taken in; None: all are.
        accounts: keyed hashes of accounts that are not taken in, sorted.
    """

    times: int = 0
    before: int | None = None
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What the log is. `folders` counts the folders that compaction and forgetting made, to name the next one."""

    batches: tuple[Batch, ...] = ()
    segments: tuple[Segment, ...] = ()
    folders: int = 0
    forgotten: Forgotten = field(default_factory=Forgotten)

    def appended(self, batch: Batch, segment: Segment) -> Manifest:
        """With one batch more."""
        return replace(self, batches=(*self.batches, batch), segments=(*self.segments, segment))

    def instead(self, old: Iterable[Segment], new: Iterable[Segment]) -> Manifest:
        """With some segments in place of others; both hold the rows of the same batches."""
        gone = {segment.folder for segment in old}
        kept = [segment for segment in self.segments if segment.folder not in gone]
        return replace(self, segments=tuple(sorted([*kept, *new], key=lambda s: s.first)))


def read(root: Path) -> Manifest:
    """The manifest of the log in `root`; of a log without one (made before there were any), what its folders say.

    Raises:
        IntegrityError: the file is not what was written.
        ConflictError: a newer Shoal wrote it.
    """
    path = root / NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return _of_folders(root / "batches")
    try:
        said = json.loads(text)
        sha256 = said.pop("sha256")
        if said["version"] > VERSION:
            raise ConflictError(f"{path}: version {said['version']}, this Shoal knows {VERSION}: use the newer Shoal")
        if said["version"] < VERSION:
            raise ConflictError(
                f"{path}: version {said['version']}, this Shoal writes {VERSION}: an earlier Shoal made this log; "
                "ingest its source files into a new data folder"
            )
        if digest_of(said) != sha256:
            raise IntegrityError(f"{path}: is not what was written (sha256 differs)")
        return Manifest(
            tuple(Batch(**batch) for batch in said["batches"]),
            tuple(Segment(**segment) for segment in said["segments"]),
            said["folders"],
            Forgotten(**{**said["forgotten"], "accounts": tuple(said["forgotten"]["accounts"])}),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{path}: cannot be read: {error}") from error


def write(root: Path, manifest: Manifest) -> None:
    """Replace the manifest: from here on this is the log."""
    said = {"version": VERSION, **asdict(manifest)}
    said["sha256"] = digest_of(said)
    data = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    write_bytes(root / NAME, (data + "\n").encode())


def _of_folders(folder: Path) -> Manifest:
    batches, segments = [], []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        try:
            info = json.loads((path / "batch.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{folder.parent / NAME}: is missing; {path.name} says nothing by itself") from error
        sequence = int(path.name[:6])
        batches.append(Batch(sequence, path.name[7:], info))
        segments.append(Segment(path.name, sequence, sequence, info["files"]))
    return Manifest(tuple(batches), tuple(segments))
