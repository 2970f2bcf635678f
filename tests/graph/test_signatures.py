"""Accounts alike amid crowds: who is found, whatever the order."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import signatures


def pairs_of(found: pd.DataFrame) -> set[tuple[int, int]]:
    return set(zip(found["a"].tolist(), found["z"].tolist(), strict=True))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=40), st.integers(1, 3), st.randoms())
def test_equal_sets_always_meet_and_the_order_changes_nothing(rows: list[tuple[int, int]], least: int, rng) -> None:  # type: ignore[no-untyped-def]
    a, items = np.array([r[0] for r in rows], np.int64), np.array([r[1] for r in rows], np.int64)
    found = signatures.alike(a, items, least)
    sets = {account: {i for x, i in rows if x == account} for account in set(a.tolist())}
    enough = {account: s for account, s in sets.items() if len(s) >= least}
    got = pairs_of(found)
    assert all(x < y and {x, y} <= set(enough) for x, y in got)
    assert {(x, y) for x, y in combinations(sorted(enough), 2) if enough[x] == enough[y]} <= got
    assert not {(x, y) for x, y in got if not enough[x] & enough[y]}
    rng.shuffle(rows)
    again = signatures.alike(np.array([r[0] for r in rows], np.int64), np.array([r[1] for r in rows], np.int64), least)
    pd.testing.assert_frame_equal(found, again)


def test_much_overlap_is_found_and_little_is_not() -> None:
    random = np.random.default_rng(5)
    crowd = [(account, item) for account in range(400) for item in random.choice(1000, 20, replace=False)]
    farm = [(1000 + i, 2000 + item) for i in range(40) for item in random.choice(30, 24, replace=False)]
    a, items = np.array(crowd + farm).T
    got = pairs_of(signatures.alike(a, items, 3))
    among = {(x, y) for x, y in got if x >= 1000 and y >= 1000}
    assert len(among) >= 0.95 * 40 * 39 / 2  # an overlap of about two thirds
    assert len(got - among) <= 0.01 * 400 * 399 / 2  # an overlap of about one percent


def test_a_group_of_which_some_pairs_were_found_is_looked_at_whole() -> None:
    random = np.random.default_rng(1)
    some = [(x, y) for x, y in combinations(range(50), 2) if random.random() < 0.3]
    pairs = pd.DataFrame([*some, (70, 71)], columns=["a", "z"])
    got = pairs_of(signatures.closed(pairs))
    assert got == set(combinations(range(50), 2)) | {(70, 71)}


def test_nobody_is_alike_where_nobody_is_hot() -> None:
    none = np.empty(0, np.int64)
    assert signatures.closed(signatures.alike(none, none, 3)).empty
