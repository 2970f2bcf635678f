"""Texts of private messages and group chats, kept only where a setting asks for it, apart from the log, and for a time.

    DIR/private/<batch id>.parquet     event_id, account_id, at, text; readable by the owner alone

Without SHOAL_STORE_PRIVATE_TEXT_DAYS nothing is ever written here, and what an earlier setting left goes with the next
command that writes to the data folder. Nothing else reads these files: no run, no score, no verdict, not Neo4j; a text
is shown by `shoal read-private` alone, which first says so in the audit log. Texts older than the setting allows are
never read, and their rows go with the next command that writes.

A file lies here before the log names its batch; one whose batch never came in is left by a crash, and goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from graph.errors import IntegrityError
from graph.files import sync_file, sync_folder
from graph.model import DAY, PRIVATE_KINDS

if TYPE_CHECKING:
    import duckdb

    from graph.log import EventLog

SCHEMA = pa.schema([("event_id", pa.string()), ("account_id", pa.string()), ("at", pa.int64()), ("text", pa.string())])


class PrivateTexts:
    """The folder, at a time and under a setting.

    Args:
        folder: DIR/private.
        days: how long texts are kept, counted from the event; None: not at all.
        now: the present, microseconds UTC.
    """

    def __init__(self, folder: Path, days: int | None, now: int) -> None:
        self.folder = folder
        self.oldest = None if days is None else now - days * DAY

    def keep(self, connection: duckdb.DuckDBPyConnection, rows: str, batch_id: str) -> None:
        """Keep the private texts of a batch that is about to be committed; the caller holds the writing lock.

        Args:
            connection: on which `rows` can be read.
            rows: SQL of a table with the columns of INTERACTIONS, texts included.
            batch_id: of the batch; a file that an earlier, killed call left for it is replaced.
        """
        if self.oldest is None:
            return
        found = connection.sql(
            f'SELECT event_id, account_id, "at", text FROM {rows} WHERE text IS NOT NULL AND "at" >= $oldest '
            f"AND list_contains($kinds, kind) ORDER BY event_id",
            params={"oldest": self.oldest, "kinds": list(PRIVATE_KINDS)},
        ).to_arrow_table()
        if found.num_rows:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self.folder.chmod(0o700)
            self._write(self.folder / f"{batch_id}.parquet", found.cast(SCHEMA))

    def sweep(self, log: EventLog) -> int:
        """Remove texts that are too old, or were never to be kept, or whose batch never came in; returns how many.

        The caller holds the writing lock.
        """
        known = {batch.batch_id for batch in log.batches()} if self.folder.is_dir() else set()
        gone = 0
        for path in self._files():
            if self.oldest is None or path.stem not in known:
                gone += pq.read_metadata(path).num_rows
                self._remove(path)
            elif (first := _first(path)) is not None and first < self.oldest:
                gone += self._without(path, pc.less(pc.field("at"), self.oldest))
        for left in self.folder.glob(".*.tmp") if self.folder.is_dir() else ():
            left.unlink()
        return gone

    def forget(self, accounts: Sequence[str], before: int | None) -> int:
        """Remove what these accounts wrote, and what is from before a time; returns how many texts that were."""
        goes = pc.is_in(pc.field("account_id"), pa.array(accounts, pa.string()))
        if before is not None:
            goes = goes | (pc.field("at") < before)
        return sum(self._without(path, goes) for path in self._files())

    def read(self, event_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What is kept of these events, by event id: account_id, at, text. Raises IntegrityError for a damaged file."""
        if self.oldest is None:
            return {}
        wanted = pc.is_in(pc.field("event_id"), pa.array(event_ids, pa.string())) & (pc.field("at") >= self.oldest)
        found: dict[str, dict[str, Any]] = {}
        for path in self._files():
            for row in _table(path, wanted).to_pylist():
                found[row.pop("event_id")] = row
        return found

    def count(self, accounts: Sequence[str], before: int | None) -> int:
        """How many texts `forget` would remove."""
        goes = pc.is_in(pc.field("account_id"), pa.array(accounts, pa.string()))
        if before is not None:
            goes = goes | (pc.field("at") < before)
        return sum(_table(path, goes).num_rows for path in self._files())

    def damaged(self) -> list[str]:
        """A sentence for each file that cannot be read."""
        found = []
        for path in self._files():
            try:
                _table(path)
            except IntegrityError as error:
                found.append(str(error))
        return found

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.parquet")) if self.folder.is_dir() else []

    def _without(self, path: Path, goes: pc.Expression) -> int:
        before = _table(path)
        kept = before.filter(~goes)
        if kept.num_rows == before.num_rows:
            return 0
        if kept.num_rows:
            self._write(path, kept)
        else:
            self._remove(path)
        return int(before.num_rows - kept.num_rows)

    def _write(self, path: Path, table: pa.Table) -> None:
        temporary = path.with_name(f".{path.name}.tmp")
        temporary.touch(mode=0o600)
        temporary.chmod(0o600)
        pq.write_table(table, temporary, compression="zstd")
        sync_file(temporary)
        temporary.replace(path)
        sync_folder(path.parent)

    def _remove(self, path: Path) -> None:
        path.unlink()
        sync_folder(path.parent)


def _first(path: Path) -> int | None:
    """The earliest time in a file, by its footer; None: no rows."""
    metadata = pq.read_metadata(path)
    column = SCHEMA.get_field_index("at")
    times = [metadata.row_group(i).column(column).statistics.min for i in range(metadata.num_row_groups)]
    return min(times, default=None)


def _table(path: Path, filters: pc.Expression | None = None) -> pa.Table:
    try:
        return pq.read_table(path, schema=SCHEMA, filters=filters, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise IntegrityError(f"{path}: private texts cannot be read: {error}") from error
