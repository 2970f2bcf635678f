"""Reading a peer's file in one pass, or row by row where something is odd, makes no difference."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.errors import InputError
from ingest import peers

HEADER = "object_id,account_id,content_id,timestamp_share"
CELLS = st.sampled_from(["a", "", '""', " b ", '"c,d"', '"e""f"', '"g\nh"', "猫", 'i"j', '"k"l', "\r", "NULL", "\\N"])
TIMES = st.sampled_from(
    ["1600000000", "1600000001", "1600000002", '"1600000003"'] * 3 + [" 1600000004", "1600000005.5"]
)
ODD = st.sampled_from(
    ["+1600000006", "1600000007.0", "01600000008", "0x10", "1_600", "1e9", "-5", "", "x", "1600000000000"]
)
LINES = st.lists(st.tuples(CELLS, CELLS, CELLS, TIMES | TIMES | TIMES | ODD).map(",".join), max_size=5)


def answer(path: Path) -> pa.Table | str:
    try:
        return peers.read(path, "coortweet")
    except InputError as error:
        return str(error)


@settings(max_examples=40, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_one_pass_reads_what_row_by_row_reads(lines: list[str], end: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shares.csv"
        path.write_bytes((end.join([HEADER, *lines]) + end).encode())
        quick = answer(path)
        with mock.patch.object(peers, "_read_plain", return_value=None):
            slow = answer(path)
    assert quick == slow


def test_one_pass_is_what_a_plain_file_takes(tmp_path: Path) -> None:
    path = tmp_path / "shares.csv"
    path.write_text(f"{HEADER}\n" + "".join(f"o{i % 7},a{i % 5},c{i},{1_600_000_000 + i}\n" for i in range(50_000)))

    def never(*_: Any) -> None:
        raise AssertionError

    with mock.patch.object(peers, "open_raw", never):
        table = peers.read(path, "coortweet")
    assert table["content_id"].to_pylist() == [f"c{i}" for i in range(50_000)]  # in the order of the file
    assert table["timestamp_share"].to_pylist() == list(range(1_600_000_000, 1_600_050_000))


def test_a_cut_zstd_stream_is_no_short_file(tmp_path: Path) -> None:
    path = tmp_path / "shares.csv.zst"
    rows = "".join(f"o{i * 31 % 97},a{i * 7919 % 1009},c{i},{1_600_000_000 + i}\n" for i in range(5000))
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(f"{HEADER}\n{rows}".encode())
    assert peers.read(path, "coortweet").num_rows == 5000
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="is cut short"):
        peers.read(path, "coortweet")
