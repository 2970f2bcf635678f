"""Compaction: batches that were appended one after the other are put together in fewer, larger files, sorted by time.

Nothing that anybody reads changes: the log keeps its batches, their ids and its digest, and every row says which batch
it came with. New files are written and named by a new manifest before old ones go, and these go only when nobody reads
them; killed anywhere, the log is what it was, or what it becomes. Within a file rows lie in order of time, so DuckDB's
statistics skip what lies outside a data window (docs/decisions/0022 has the measurement against a folder a day).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace

from graph import manifest as manifests
from graph.log import EventLog, describe
from graph.manifest import Segment
from graph.model import LOG_TABLES

MOST_ROWS = 10_000_000  # of a table in one file; larger files gain nothing and cost the more to forget from
ENOUGH = 32  # small files at the end of the log, from which on putting them together pays by itself


@dataclass(frozen=True)
class Compacted:
    """How many folders there were and are, and whether the old ones are gone (else somebody reads them still)."""

    before: int
    after: int
    cleared: bool

    def __str__(self) -> str:
        """One line for a person."""
        if self.before == self.after:
            return f"nothing to put together: {self.before} folders"
        kept = "" if self.cleared else "; the old files stay until nobody reads them, and go with the next command"
        return f"{self.before} folders of the event log became {self.after}{kept}"


def compact(log: EventLog, groups: Sequence[Sequence[Segment]] | None = None) -> Compacted:
    """Put segments together. The caller holds `workspace.writing()`.

    Args:
        log: the event log.
        groups: which ones (default: all that are small enough).
    """
    before = len(log.manifest().segments)
    for group in whole(log.manifest().segments) if groups is None else groups:
        _merge(log, group)
    return Compacted(before, len(log.manifest().segments), log.clear())


def compact_if_due(log: EventLog) -> Compacted | None:
    """Put the newest segments together, if there are many: for streams, after each batch. See `compact`."""
    group = due(log.manifest().segments)
    return compact(log, [group]) if group else None


def whole(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Neighbours put together as far as MOST_ROWS allows; groups of one are left out."""
    groups: list[list[Segment]] = []
    for segment in segments:
        if groups and sum(s.rows for s in groups[-1]) + segment.rows <= MOST_ROWS:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [group for group in groups if len(group) > 1]


def due(segments: Sequence[Segment]) -> list[Segment]:
    """The newest segments that are worth putting together; none if they are few.

    ENOUGH batches are put together, ENOUGH of such folders again, and so on: so a log of n batches has few folders, and
    a row is written again only once a level, of which there are log n.
    """
    found: list[Segment] = []
    level = ENOUGH
    while level <= ENOUGH * len(segments):
        group: list[Segment] = []
        for segment in reversed(segments):
            if _batches(segment) >= level or sum(s.rows for s in group) + segment.rows > MOST_ROWS:
                break
            group.insert(0, segment)
        if sum(map(_batches, group)) >= level:
            found = group
        level *= ENOUGH
    return found


def _batches(segment: Segment) -> int:
    return segment.last - segment.first + 1


def _merge(log: EventLog, group: Sequence[Segment]) -> None:
    manifest = log.manifest()
    if not (log.root / manifests.NAME).exists():
        manifests.write(log.root, manifest)  # a log from before there were manifests: first say what belongs to it
    number = manifest.folders + 1
    name = f"{group[0].first:06d}-{group[-1].last:06d}-{number}"
    staging = log.stage(name)
    with log.connect() as connection:
        scratch = str(log.root / ".staging" / "spill").replace("'", "''")
        connection.execute(f"SET temp_directory = '{scratch}'")
        for table in LOG_TABLES:
            if any(table in segment.files for segment in group):
                target = str(staging / f"{table}.parquet").replace("'", "''")
                connection.execute(
                    f"COPY (SELECT * EXCLUDE (place) FROM ({log.source(table, group)}) ORDER BY {_order(table)}) "
                    f"TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
                )
    shutil.rmtree(log.root / ".staging" / "spill", ignore_errors=True)
    made = Segment(name, group[0].first, group[-1].last, describe(staging))
    log.put(staging, name)
    manifests.write(log.root, replace(manifest.instead(group, [made]), folders=number))


def _order(table: str) -> str:
    """By time and key where rows have a time; else as appended, which says what holds."""
    if "at" not in LOG_TABLES[table].columns:
        return "batch, place"
    return ", ".join(['"at"', *(f'"{c}"' for c in LOG_TABLES[table].key), "batch", "place"])
