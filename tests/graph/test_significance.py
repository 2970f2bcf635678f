"""The null: exact pieces, and its behaviour with and without coordination."""

from __future__ import annotations

from itertools import product

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from graph import coaction, significance
from graph.model import DAY, SECOND


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 50))
def test_q_values_are_scipys_with_the_untested_as_ones(p: list[float], more: int) -> None:
    values = np.array(p)
    padded = np.concatenate([values, np.ones(more)])
    expected = false_discovery_control(padded)[: len(values)]
    np.testing.assert_allclose(significance.q_values(values, len(padded)), expected, atol=1e-12)


def test_a_farm_lets_in_chance_edges_by_its_accounts_not_by_its_pairs() -> None:
    a, z = np.triu_indices(200, 1)  # all pairs of 200 accounts, certain; then pairs of others, doubtful
    p = np.concatenate([np.full(len(a), 1e-12), np.full(50, 5e-4)])
    a, z = np.concatenate([a, 1000 + np.arange(50)]), np.concatenate([z, 2000 + np.arange(50)])
    by_pairs = significance.q_values(p, 100_000)
    by_accounts = significance.q_values(p, 100_000, a, z)
    assert (by_pairs <= 0.01).all()
    assert (by_accounts <= 0.01).sum() == 200 * 199 // 2
    assert (by_accounts >= by_pairs).all()


def test_a_cluster_needs_evidence_of_its_own() -> None:
    edges = pd.DataFrame(
        {
            "cluster": ["strong"] * 3 + ["weak"] * 3 + ["kin"] * 3,
            "kin": [False] * 6 + [True] * 3,
            "p_value": [1e-8] * 3 + [1e-4] * 3 + [1e-4] * 3,
        }
    )
    p = significance.clusters(edges, {"strangers": 100_000, "kin": 500})
    assert p["strong"] < 0.01
    assert p["weak"] > 0.5
    assert p["kin"] < 0.05


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(1e-6, 0.9), st.booleans()), min_size=1, max_size=9))
def test_the_tail_is_never_below_the_exact_one_and_close_to_it_where_all_was_met(
    objects: list[tuple[float, bool]],
) -> None:
    chance, met = np.array([c for c, _ in objects]), np.array([m for _, m in objects])
    s = significance.STRENGTH
    weight = np.log((chance + (1 - chance) * s) / (chance * (1 - s)))
    exact = 0.0
    for outcome in product([False, True], repeat=len(objects)):
        if weight @ np.array(outcome) >= weight @ met - 1e-12:
            exact += float(np.prod(np.where(outcome, chance, 1 - chance)))
    bound = float(np.exp(significance.log_tail(np.zeros(len(objects), int), met, chance, 1)[0]))
    assert bound >= exact * (1 - 1e-9)
    if met.all():  # however common it is to meet there: a farm's own templates are met by everybody who uses them
        assert bound <= exact * 1.15


def test_a_meeting_where_everybody_meets_says_little() -> None:
    rare, common = np.full(6, 0.02), np.full(6, 0.5)
    both = np.concatenate([rare, common])
    on_rare = significance.log_tail(np.zeros(12, int), np.repeat([True, False], 6), both, 1)[0]
    on_common = significance.log_tail(np.zeros(12, int), np.repeat([False, True], 6), both, 1)[0]
    assert on_rare < np.log(1e-8)
    assert on_common > np.log(0.05)


def platform(seed: int, *, bots: int = 0, joint: int = 12, jitter: float = 20.0, burst: bool = False) -> pa.Table:
    """Organic likes of popular notes with a daily rhythm; optionally bots, and a burst of breaking news."""
    rng = np.random.default_rng(seed)
    accounts, notes, n = 1500, 600, 30_000
    posted = rng.uniform(0, 10 * DAY, notes)
    note = rng.choice(notes, n, p=(w := 1 / np.arange(1, notes + 1)) / w.sum())
    who = rng.choice(accounts, n, p=(v := rng.pareto(1.5, accounts) + 0.2) / v.sum())
    at = posted[note] + rng.exponential(0.3 * DAY, n)
    at -= (at % DAY) * 0.4 * (rng.random(n) < 0.7)  # most act in one part of the day
    frames = [pd.DataFrame({"account_id": who, "object_id": note, "at": at})]
    if burst:
        for i in range(8):
            crowd = rng.choice(accounts, 400, replace=False)
            times = (i + 1) * DAY + rng.uniform(0, 1200 * SECOND, 400)
            frames.append(pd.DataFrame({"account_id": crowd, "object_id": 5000 + i, "at": times}))
    for target in range(joint if bots else 0):
        call = rng.uniform(0, 10 * DAY)
        times = call + rng.uniform(0, jitter * SECOND, bots)
        frames.append(pd.DataFrame({"account_id": np.arange(bots), "object_id": 9000 + target, "at": times}))
    rows = pd.concat(frames, ignore_index=True)
    rows["at"] = rows["at"].astype(np.int64)
    return pa.table(
        {
            "event_id": [f"e{i}" for i in range(len(rows))],
            "account_id": rows["account_id"].map("a{:05d}".format).tolist(),
            "channel": ["like"] * len(rows),
            "object_id": rows["object_id"].map("note:{}".format).tolist(),
            "at": rows["at"].tolist(),
        }
    )


def edges(actions: pa.Table) -> pd.DataFrame:
    connection = duckdb.connect()
    connection.register("actions", actions)
    connection.execute("CREATE TABLE accounts (account_id VARCHAR, registration_client VARCHAR, device_id VARCHAR)")
    coaction.prepare(connection, 0, 100 * DAY)
    tested = significance.test(coaction.count(connection, coaction.CoactionConfig()), 0.01)
    names = coaction.account_names(connection)
    kept = tested.pairs[tested.pairs["q_value"] <= 0.01]
    return pd.DataFrame({"a": names[kept["a"]], "z": names[kept["z"]]})


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("burst", [False, True])
def test_without_coordination_hardly_an_edge_is_kept(seed: int, burst: bool) -> None:
    assert len(edges(platform(seed, burst=burst))) <= 1


@pytest.mark.parametrize(("bots", "joint", "jitter"), [(20, 12, 20.0), (8, 8, 30.0), (90, 12, 20.0), (300, 30, 20.0)])
def test_farms_are_found_whatever_their_size_and_nobody_else(bots: int, joint: int, jitter: float) -> None:
    found = edges(platform(21, bots=bots, joint=joint, jitter=jitter, burst=True))
    planted = found["a"].str[1:].astype(int).lt(bots) & found["z"].str[1:].astype(int).lt(bots)
    assert planted.mean() >= 0.99
    assert len(found) >= 0.95 * bots * (bots - 1) / 2
