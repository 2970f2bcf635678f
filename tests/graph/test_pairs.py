"""Co-actions added up per pair, however the rows are cut into batches."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from graph.pairs import added_up

ROW = st.tuples(
    st.integers(0, 2), st.integers(3, 5), st.integers(0, 2), st.integers(-5, 1 << 50), st.integers(0, 2)
)  # a, z, o, ts, first2
TYPES = {"a": pa.int32(), "z": pa.int32(), "o": pa.int32(), "ts": pa.int64(), "first2": pa.int8()}


def batch(rows: list[tuple[int, ...]]) -> pa.RecordBatch:
    """Rows as the statement gives them."""
    columns = list(zip(*rows, strict=True)) or [()] * len(TYPES)
    return pa.record_batch([pa.array(c, t) for c, t in zip(columns, TYPES.values(), strict=True)], names=list(TYPES))


def plain(rows: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The definition, pair by pair."""
    found = []
    for pair in sorted({row[:2] for row in rows}):
        mine = [row for row in rows if row[:2] == pair]
        times = [row[3] for row in mine]
        counts = len(mine), len({row[2] for row in mine}), min(times), max(times), sum(row[4] for row in mine)
        found.append((*pair, *counts))
    return found


@given(rows=st.lists(ROW, max_size=40), cuts=st.lists(st.integers(0, 40), max_size=12))
def test_any_cut_into_batches_adds_up_to_the_definition(rows: list[tuple[int, ...]], cuts: list[int]) -> None:
    rows = sorted(rows, key=lambda row: row[:3])
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    batches = [batch(rows[a:b]) for a, b in pairwise(edges)]
    got = [tuple(row.values()) for table in added_up(batches) for row in table.to_pylist()]
    assert got == plain(rows)


def test_sums_do_not_wrap_where_a_pair_meets_more_often_than_a_byte_holds() -> None:
    rows = [(0, 1, o, 7, 2) for o in range(300)]
    assert [t.to_pylist() for t in added_up([batch(rows)]) if t.num_rows] == [
        [{"a": 0, "z": 1, "co_actions": 300, "objects": 300, "first_at": 7, "last_at": 7, "a_first2": 600}]
    ]
