"""Clusters of pairs that are faint alone: found where planted, never made of chance."""

from __future__ import annotations

import math
from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import faint

ACCOUNTS = 3000
TESTED = ACCOUNTS * (ACCOUNTS - 1) // 2


def chance(seed: int) -> pd.DataFrame:
    """All pairs as chance has them: their p-values are even. Those above 0.001 are left out, as weak as they are."""
    random = np.random.default_rng(seed)
    low = np.flatnonzero(random.random(TESTED) < 0.001)
    a, z = np.triu_indices(ACCOUNTS, 1)
    return pd.DataFrame({"a": a[low], "z": z[low], "p_value": random.random(len(low)) * 0.001})


def planted(seed: int, size: int, share: float) -> pd.DataFrame:
    """Chance, and a squad of the first `size` accounts of whose pairs `share` have a p-value of about a millionth."""
    random = np.random.default_rng([seed, 1])
    pairs = [pair for pair in combinations(range(size), 2) if random.random() < share]
    own = pd.DataFrame(pairs, columns=["a", "z"]).assign(p_value=random.uniform(1e-7, 3e-6, len(pairs)))
    return pd.concat([own, chance(seed)]).drop_duplicates(["a", "z"]).reset_index(drop=True)


@pytest.mark.parametrize("seed", range(8))
def test_chance_makes_none(seed: int) -> None:
    members, p = faint.find(chance(seed), ACCOUNTS, TESTED, 0.05)
    assert (len(members), len(p)) == (0, 0)


@pytest.mark.parametrize("seed", range(5))
def test_a_squad_of_faint_pairs_is_found_and_nobody_else(seed: int) -> None:
    members, p = faint.find(planted(seed, 20, 0.3), ACCOUNTS, TESTED, 0.05)
    assert len(members) >= 17
    assert set(members["account"]) <= set(range(20))
    assert members["cluster"].unique().tolist() == p.index.tolist() == [members["account"].min()]
    assert (p < 1e-50).all()


def test_a_chain_a_triangle_and_a_square_are_left_alone() -> None:
    close = [(i, i + 1) for i in range(30)] + [(40, 41), (41, 42), (40, 42)] + list(combinations((50, 51, 52, 53), 2))
    pairs = pd.DataFrame(close, columns=["a", "z"]).assign(p_value=1e-9)
    members, p = faint.find(pairs, ACCOUNTS, TESTED, 0.05)
    assert (len(members), len(p)) == (0, 0)


def test_what_hangs_together_loosely_is_left_alone() -> None:
    """A ring of ten with two bridges: no chance by the bound, and what keen fans of one campaign look like."""
    ring = [(i, (i + 1) % 10) for i in range(10)] + [(0, 5), (2, 7)]
    pairs = pd.DataFrame([tuple(sorted(e)) for e in ring], columns=["a", "z"]).assign(p_value=1e-7)
    assert faint.find(pairs, ACCOUNTS, TESTED, 0.05)[0].empty
    more = pd.DataFrame([(0, 2), (1, 3), (4, 6)], columns=["a", "z"]).assign(p_value=1e-7)
    assert len(faint.find(pd.concat([pairs, more]), ACCOUNTS, TESTED, 0.05)[0]) == 10


def test_where_few_pairs_are_tested_the_level_is_capped_and_where_many_are_it_falls() -> None:
    """Pairs at 2e-5 count nowhere; pairs at 5e-6 count among a hundred thousand, not among ten thousand million."""
    close = pd.DataFrame(list(combinations(range(10), 2)), columns=["a", "z"])
    assert faint.find(close.assign(p_value=2e-5), 500, 1000, 0.05)[0].empty
    assert len(faint.find(close.assign(p_value=5e-6), ACCOUNTS, 10**5, 0.05)[0]) == 10
    assert faint.find(close.assign(p_value=5e-6), ACCOUNTS, 10**10, 0.05)[0].empty


def test_the_bound_is_the_one_that_is_written() -> None:
    """Six accounts with all fifteen pairs."""
    pairs = pd.DataFrame(list(combinations(range(6), 2)), columns=["a", "z"]).assign(p_value=1e-6)
    _, p = faint.find(pairs, ACCOUNTS, 10**5, 0.05)
    assert math.log(p.iloc[0]) == pytest.approx(math.log(36 * math.comb(ACCOUNTS, 6)) + 15 * math.log(faint.MOST))


edges = st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda e: e[0] < e[1]), max_size=30)


@given(edges)
def test_what_is_left_is_the_two_core(ends: set[tuple[int, int]]) -> None:
    left = faint._core(np.array(sorted(ends), dtype=np.int64).reshape(-1, 2))
    assert {tuple(e) for e in left.tolist()} == {tuple(sorted(e)) for e in nx.k_core(nx.Graph(ends), 2).edges}


@given(edges, st.randoms())
def test_the_order_of_rows_changes_nothing(ends: set[tuple[int, int]], random: object) -> None:
    pairs = pd.DataFrame(sorted(ends), columns=["a", "z"]).astype(np.int64).assign(p_value=1e-6)
    shuffled = pairs.sample(frac=1, random_state=random.randrange(2**31))  # type: ignore[attr-defined]
    one, two = (faint.find(p, ACCOUNTS, 10**5, 0.05) for p in (pairs, shuffled))
    pd.testing.assert_frame_equal(one[0], two[0])
    pd.testing.assert_series_equal(one[1], two[1])
