"""The control by permutation: what stays, what goes, and what p says with and without coordination."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import audiences, coaction, communities, permutation, significance
from graph.detect import DetectConfig, data_window, detect, run_key
from graph.errors import InputError
from graph.log import EventLog
from graph.model import ACCOUNTS, ACTIONS, DAY, SECOND
from graph.report import render, render_text
from graph.runs import RunStore

COACTED, CLUSTERED = coaction.CoactionConfig(), communities.ClusterConfig()
CONFIG = permutation.PermutationConfig(permutations=19, seed=5)


def log(
    seed: int, *, people: int = 300, rows: int = 2_000, bots: int = 0, targets: int = 12, own: bool = False
) -> pa.Table:
    """People on 200 notes for 3 days; bots (b...) act together within 40 s on some of them, or on own notes."""
    random = np.random.default_rng(seed)
    note = random.choice(200, rows, p=(w := random.pareto(1.2, 200) + 0.1) / w.sum())
    at = random.uniform(0, 2.5 * DAY, 200)[note] + random.exponential(4 * 3600 * SECOND, rows)
    who = [f"a{i:03}" for i in random.integers(0, people, rows)]
    joint = 200 + np.arange(targets) if own else random.choice(200, targets, replace=False)
    for target in joint:
        call = random.choice(at[note == target]) if (note == target).any() else random.uniform(0, 2.5 * DAY)
        who += [f"b{bot:02}" for bot in range(bots)]
        note, at = np.r_[note, np.full(bots, target)], np.r_[at, call + random.uniform(0, 40 * SECOND, bots)]
    return table(who, [f"note:{n:03}" for n in note], at.astype(np.int64))


def table(
    who: list[str], what: list[str], at: np.ndarray, channel: list[str] | None = None, event: list[str] | None = None
) -> pa.Table:
    return pa.table(
        {
            "event_id": event or [f"e{i}" for i in range(len(who))],
            "account_id": who,
            "channel": channel or ["like"] * len(who),
            "object_id": what,
            "at": at,
        }
    )


def prepared(actions: pa.Table) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.register("actions", actions)
    connection.register("accounts", ACCOUNTS.schema.empty_table())
    coaction.prepare(connection, 0, 1 << 62)
    return connection


def controlled(
    actions: pa.Table, config: permutation.PermutationConfig = CONFIG
) -> tuple[permutation.Control, permutation.Detected]:
    connection = prepared(actions)
    before = connection.execute("SELECT * FROM events ORDER BY ALL").df()
    found = coaction.count(connection, COACTED)
    tested = significance.test(found, 0.01)
    observed = permutation.detected(tested, found.pairs_tested, CLUSTERED, 0.01, 1)
    control = permutation.control(connection, observed, COACTED, CLUSTERED, config, fdr=0.01, seed=1)
    pd.testing.assert_frame_equal(connection.execute("SELECT * FROM events ORDER BY ALL").df(), before)
    return control, observed


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=40), st.integers(0, 9))
def test_a_swap_keeps_what_every_account_did_in_every_stratum(units: list[tuple[int, int]], seed: int) -> None:
    account = np.array([a for a, _ in units], dtype=np.int64)
    stratum = np.array([s for _, s in units], dtype=np.int64)
    by = permutation.swap(account, stratum, np.random.default_rng(seed))
    for each in range(4):
        np.testing.assert_array_equal(np.sort(by[stratum == each]), np.sort(account[stratum == each]))
    np.testing.assert_array_equal(by, permutation.swap(account, stratum, np.random.default_rng(seed)))


def test_every_order_of_a_stratum_is_as_likely() -> None:
    random = np.random.default_rng(1)
    account, stratum = np.arange(4), np.array([0, 1, 0, 0])
    seen = pd.Series([tuple(permutation.swap(account, stratum, random)) for _ in range(3000)]).value_counts()
    assert len(seen) == 6  # 3! orders of the stratum of three; the lonely one stays
    assert {order[1] for order in seen.index} == {1}
    assert seen.min() > 400


def test_a_planted_squad_is_beyond_every_permuted_log_and_does_not_recur() -> None:
    control, _ = controlled(log(1, rows=3_000, bots=6))
    assert len(control.clusters) == 1
    row = control.clusters.iloc[0]
    assert (row["p_permuted"], control.p_value) == (0.05, 0.05)
    assert row["recurs"] == 0
    assert row["p_value"] < 1e-4
    assert control.logs["edges"].mean() < 1
    assert len(control.logs) == 19


def test_the_same_seed_says_the_same_whatever_the_order_of_rows() -> None:
    actions = log(2, bots=6)
    first, _ = controlled(actions)
    again, _ = controlled(actions.take(np.random.default_rng(0).permutation(len(actions))))
    pd.testing.assert_frame_equal(first.clusters, again.clusters)
    pd.testing.assert_frame_equal(first.logs, again.logs)
    other, _ = controlled(actions, permutation.PermutationConfig(permutations=19, seed=6))
    assert not first.logs.equals(other.logs)


def test_a_group_that_owns_its_strata_recurs_and_is_not_called_beyond_chance() -> None:
    control, _ = controlled(log(3, bots=10, own=True, people=40, rows=150))
    row = control.clusters.iloc[0]
    assert row["recurs"] == 1
    assert row["own"] > 0.5
    assert row["p_value"] < 1e-4  # the analytic test sees it


def test_a_permuted_log_is_calibrated_conservatively() -> None:
    control, observed = controlled(log(4))
    pairs = sum(observed.pairs_tested.values())
    assert pairs > 1_000
    for level in (0.1, 0.01, 0.001):
        assert control.logs[f"below_{level:g}"].mean() / pairs <= level
    assert control.p_value == 1.0


def test_no_actions_at_all() -> None:
    control, _ = controlled(log(1).slice(0, 0))
    assert control.p_value == 1.0
    assert control.clusters.empty
    assert control.strata == 0


def test_an_interaction_seen_on_several_channels_goes_to_another_account_whole() -> None:
    who = ["a", "a", "b", "b", "c", "d", "d"]
    event = ["e1", "e1", "e2", "e2", "e3", "e4", "e4"]
    channel = ["note", "url", "note", "url", "note", "note", "url"]
    what = ["note:1", "url:1"] * 2 + ["note:1", "note:1", "url:1"]
    at = np.array([1, 1, 2, 2, 3, 4, 4], dtype=np.int64) * SECOND
    connection = prepared(table(who, what, at, channel, event))
    units, stratum, _ = permutation.stratify(connection, CONFIG)
    assert len(units) == 4
    assert len(np.unique(stratum)) == 2  # c's is seen on one channel only: nobody can stand in for it


def test_too_few_permutations_are_refused() -> None:
    with pytest.raises(InputError, match="at least 19"):
        permutation.PermutationConfig(permutations=18)


def interests(seed: int, loyalty: float) -> tuple[np.ndarray, np.ndarray]:
    """600 accounts of 6 circles, 12,000 acts on 300 objects."""
    random = np.random.default_rng(seed)
    account = random.integers(0, 600, 12_000)
    popular = (w := random.pareto(1.5, 50) + 0.2) / w.sum()
    circle = np.where(random.random(12_000) < loyalty, account % 6, random.integers(0, 6, 12_000))
    return account, circle * 50 + random.choice(50, 12_000, p=popular)


def test_object_communities_are_the_circles_and_one_where_there_are_none() -> None:
    account, thing = interests(1, 0.9)
    found = audiences.find(account, thing, 300, seed=1)
    seen = np.unique(thing)
    agree = pd.crosstab(found[seen], seen // 50)
    assert agree.max(axis=1).sum() >= 0.95 * len(seen)
    assert len(agree) <= 10
    order = np.random.default_rng(2).permutation(len(account))
    np.testing.assert_array_equal(found, audiences.find(account[order], thing[order], 300, seed=1))
    assert not audiences.find(*interests(2, 0.0), 300, seed=1).any()
    assert not audiences.find(account[:0], thing[:0], 300, seed=1).any()


def test_a_run_keeps_the_control_and_the_report_tells_it(tmp_path: Path) -> None:
    events = EventLog(tmp_path / "log")
    staging = events.stage("first")
    pq.write_table(
        ACTIONS.check(log(1, rows=3_000, bots=6).append_column("content_id", pa.nulls(3_072, pa.string())), "actions"),
        staging / "actions.parquet",
    )
    events.commit(staging, {"source": "test"})
    told, rows = {}, {}
    for permutations in (0, 19):
        config = DetectConfig(permutations=permutations)
        building = RunStore(tmp_path / "runs").begin(run_key(events, data_window(events, None, None), config))
        steps: list[float] = []
        detect(building, events, config, None, steps.append)
        assert sum(steps) == pytest.approx(7 if permutations else 6)
        run = building.finish(None, {"shoal": "0"})
        told[permutations] = (render_text(run), render(run))
        rows[permutations] = run.table("networks").to_pylist()
    assert [row["chance_permuted"] for row in rows[0]] == [None]
    assert [row["chance_permuted"] for row in rows[19]] == [0.05]
    assert [{**row, "chance_permuted": None} for row in rows[19]] == rows[0]
    for text in told[19]:
        assert "19 logs with accounts swapped" in text
        assert "1 network judged against them: p of at most 0.05" in text
    for text in told[0]:
        assert "swapped" not in text
