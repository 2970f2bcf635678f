"""The order of rows in the files of a batch."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from graph.workspace import Workspace
from ingest import batch, load

NOW = 1_790_000_000_000_000  # 2026-09-21


def stored(folder: Path, times: list[int], *, named: bool = True) -> tuple[list[int], bytes]:
    """The times of a file's rows as they lie in the log, and the file's bytes."""
    folder.mkdir()
    numbers = range(len(times))
    table = {
        "event_id": [f"e{i}" if named else None for i in numbers],
        "account_id": [f"a{i % 7}" for i in numbers],
        "kind": ["like"] * len(times),
        "at": times,
        "target_id": [f"n{i % 50}" for i in numbers],
    }
    pq.write_table(pa.table(table), folder / "interactions.parquet")
    workspace = Workspace(folder / "data")
    load.ingest(workspace, folder / "interactions.parquet", now=NOW)
    (file,) = workspace.log.files("interactions")
    return pq.read_table(file, columns=["at"]).column("at").to_pylist(), file.read_bytes()


def test_many_rows_nearly_in_order_of_time_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "ALWAYS_SORTED", 300_000)
    start = NOW - 10**12
    times = [start + 1_000 * i + 977 * (i * 31 % 101) for i in range(400_000)]  # of 100 neighbours any may be first
    found, content = stored(tmp_path / "one", times)
    assert found == times
    assert stored(tmp_path / "again", times)[1] == content


@pytest.mark.parametrize("rows", [20_000, 400_000])
def test_few_rows_and_rows_in_disorder_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(batch, "ALWAYS_SORTED", 300_000)
    start = NOW - 10**12
    times = [start + 1_000 * (i * 7919 % rows if rows > 300_000 else i ^ 1) for i in range(rows)]
    assert stored(tmp_path / "one", times)[0] == sorted(times)


def test_rows_that_are_given_their_ids_are_sorted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What names them brings them into an order of its own, which may be another one the next time."""
    monkeypatch.setattr(batch, "ALWAYS_SORTED", 300_000)
    times = [NOW - 10**12 + 1_000 * (i ^ 1) for i in range(400_000)]
    found, content = stored(tmp_path / "one", times, named=False)
    assert found == sorted(times)
    assert stored(tmp_path / "again", times, named=False)[1] == content
