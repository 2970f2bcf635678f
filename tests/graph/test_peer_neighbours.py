"""Who is near whom: the definition, however the work is cut into parts; and sorting by radix."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from graph.peers.neighbours import Acts, edges, ordered

ACTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 2), st.integers(-3, 9)), max_size=20)
Row = tuple[int, int, int, int]


def plain(rows: list[Row], window: int, minimum: int) -> list[tuple[int, int, int]]:
    """The definition, pair by pair."""
    heard: dict[tuple[int, int], set[int]] = defaultdict(set)
    for m, u, k, ts in rows:
        for _, other, key, at in rows:
            if key == k and other != u and abs(at - ts) <= window:
                heard[u, other].add(m)
    return sorted((*ends, len(ids)) for ends, ids in heard.items() if len(ids) >= minimum)


@given(ACTS, st.integers(0, 12), st.integers(1, 3), st.integers(1, 40), st.sampled_from([1, 10**15]))
@example([(0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 1, 0), (1, 1, 0, 0)], 0, 1, 1, 1)  # one message on two keys
def test_any_cut_into_parts_gives_the_definition(
    rows: list[Row], window: int, minimum: int, part: int, unit: int
) -> None:
    m, u, k, ts = np.array(rows, np.int64).reshape(-1, 4).T
    found = [
        tuple(row)
        for columns in edges(Acts(m, u, k, ts * unit), window * unit, minimum, part)
        for row in np.array(columns).T.tolist()
    ]
    assert found == plain(rows, window, minimum)


@given(st.lists(st.integers(0, 2**62), max_size=30) | st.lists(st.integers(0, 3), max_size=30))
def test_sorting_by_radix_keeps_equal_ones_as_they_stood(values: list[int]) -> None:
    assert ordered(np.array(values, np.int64)).tolist() == sorted(range(len(values)), key=values.__getitem__)
