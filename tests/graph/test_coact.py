"""Co-actions of a log as one table, against a plain reading of what the default counts; the same on every engine."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from graphkit import T0, append
from hypothesis import given, settings
from hypothesis import strategies as st
from peerkit import Act, co_actions

from graph.coact import CoactConfig, coact, connected, look_alikes
from graph.coaction import CoactionConfig
from graph.engines import Connection
from graph.errors import InputError
from graph.log import EventLog
from graph.model import EDGES, SECOND

W = 10

# one interaction is one account at one time, and may act on several objects and channels
interactions = st.lists(
    st.tuples(
        st.sampled_from(["A", "a", "b", "ä", "猫"]),
        st.integers(0, 40),
        st.lists(
            st.tuples(st.sampled_from(["like", "url"]), st.sampled_from(["note:1", "note:2", "x"])),
            min_size=1,
            max_size=3,
            unique=True,
        ),
    ),
    max_size=10,
)


def acts_of(rows: list[tuple[str, int, list[tuple[str, str]]]]) -> list[Act]:
    return [
        Act(f"e{i:02d}", account, channel, thing, T0 + at)
        for i, (account, at, on) in enumerate(rows)
        for channel, thing in on
    ]


@pytest.fixture(scope="module", params=["duckdb"])
def engine(request: pytest.FixtureRequest) -> str:
    """Every engine that `connected` knows and that these tests can start."""
    name: str = request.param
    return name


@contextmanager
def logged(acts: list[Act], engine: str) -> Iterator[Connection]:
    """A connection to a log of these acts."""
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder) / "log")
        append(log, actions=[vars(act) for act in acts])
        with connected(log, engine) as connection:
            yield connection


def counted(acts: list[Act], engine: str, **asked: Any) -> list[dict[str, Any]]:
    """Rows of the table of every pair."""
    config = CoactConfig(CoactionConfig(W, 40), every=True, test=False, **asked)
    with logged(acts, engine) as connection:
        table = coact(connection, config, T0, T0 + 1000).edges.read_all()
    assert table.schema.equals(EDGES.schema)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def by_pair(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], tuple[Any, ...]]:
    names = ("co_actions", "objects", "first_at", "last_at", "a_first_share")
    found = {(r["account_a"], r["account_b"], r["channel"]): tuple(r[n] for n in names) for r in rows}
    assert len(found) == len(rows), "a pair and channel stands there once"
    assert list(found) == sorted(found, key=lambda key: tuple(part.encode() for part in key))
    return found


@settings(max_examples=40, deadline=None)
@given(interactions, st.integers(1, 3))
def test_every_pair_is_that_of_the_definition(engine: str, rows: list[Any], least: int) -> None:
    acts = acts_of(rows)
    assert by_pair(counted(acts, engine, participation=least)) == co_actions(acts, W, least)


@settings(max_examples=12, deadline=None)
@given(interactions, st.sampled_from(["like", "url"]))
def test_one_channel_is_counted_as_if_there_were_no_other(engine: str, rows: list[Any], channel: str) -> None:
    acts = acts_of(rows)
    if channel not in {a.channel for a in acts}:
        with pytest.raises(InputError, match=f"channel: nobody acted on '{channel}'"):
            counted(acts, engine, channels=(channel,))
        return
    alone = [a for a in acts if a.channel == channel]
    assert by_pair(counted(acts, engine, channels=(channel,))) == co_actions(alone, W)


@settings(max_examples=12, deadline=None)
@given(interactions, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(engine: str, rows: list[Any], rng: random.Random) -> None:
    acts = acts_of(rows)
    assert counted(acts, engine) == counted(rng.sample(acts, len(acts)), engine)


@settings(max_examples=8, deadline=None)
@given(interactions)
def test_the_test_adds_its_columns_and_changes_no_count(engine: str, rows: list[Any]) -> None:
    acts = acts_of(rows)
    tested = CoactConfig(CoactionConfig(W, 40, least_objects=1), every=True, fdr=0.5)
    with logged(acts, engine) as connection:
        every = coact(connection, tested, T0, T0 + 1000).edges.read_all()
    with logged(acts, engine) as connection:
        found = coact(connection, CoactConfig(tested.coaction, fdr=0.5), T0, T0 + 1000)
        kept = found.edges.read_all()
    assert by_pair(every.to_pylist()) == co_actions(acts, W)
    significant = {
        r[:2]
        for r in zip(*(every[c].to_pylist() for c in ("account_a", "account_b", "channel", "q_value")), strict=True)
        if r[2] == "all" and r[3] <= 0.5
    }
    assert kept.to_pylist() == [r for r in every.to_pylist() if (r["account_a"], r["account_b"]) in significant]
    assert found.facts["significant"] == len(significant)


def test_the_window_is_inclusive_and_a_tie_is_half_each(engine: str) -> None:
    acts = [Act("1", "a", "like", "n", T0), Act("2", "b", "like", "n", T0 + W), Act("3", "c", "like", "n", T0 + W)]
    acts += [Act("4", "d", "like", "n", T0 + 2 * W + 1)]
    assert by_pair(counted(acts, engine)) == {
        ("a", "b", "all"): (1, 1, T0, T0, 1.0),
        ("a", "b", "like"): (1, 1, T0, T0, 1.0),
        ("a", "c", "all"): (1, 1, T0, T0, 1.0),
        ("a", "c", "like"): (1, 1, T0, T0, 1.0),
        ("b", "c", "all"): (1, 1, T0 + W, T0 + W, 0.5),
        ("b", "c", "like"): (1, 1, T0 + W, T0 + W, 0.5),
    }


def test_both_accounts_must_take_part(engine: str) -> None:
    """Where CooRTweet keeps a pair for one account's sake: b and c met a once each."""
    met = [("o1", "a"), ("o1", "b"), ("o2", "a"), ("o2", "c"), ("o3", "d"), ("o3", "e"), ("o4", "d"), ("o4", "e")]
    acts = [Act(f"{i}", who, "like", thing, T0) for i, (thing, who) in enumerate(met)]
    assert {key[:2] for key in by_pair(counted(acts, engine))} == {("a", "b"), ("a", "c"), ("d", "e")}
    assert {key[:2] for key in by_pair(counted(acts, engine, participation=2))} == {("d", "e")}


def test_an_object_counts_once_however_often_two_accounts_meet_on_it(engine: str) -> None:
    acts = [Act(f"{who}{i}", who, "like", "n", T0 + i) for who in "ab" for i in range(4)]
    (one, two) = counted(acts, engine)
    assert (one["channel"], two["channel"]) == ("all", "like")
    assert (one["co_actions"], one["objects"], one["a_first_share"]) == (16, 1, 0.5)
    assert (one["expected"], one["p_value"], one["q_value"]) == (None, 1.0, 1.0)


def test_nothing_to_find_is_an_empty_valid_table(engine: str) -> None:
    assert counted([], engine) == []
    assert counted([Act("1", "a", "like", "n", T0), Act("2", "a", "like", "n", T0)], engine) == []
    with logged([], engine) as connection:
        found = coact(connection, CoactConfig())
    assert (found.facts["actions"], found.facts["accounts"], found.facts["candidates"]) == (0, 0, 0)


def test_a_planted_pair_is_found_among_strangers_and_only_it(engine: str) -> None:
    rng = random.Random(5)
    acts = [
        Act(
            f"p{i}",
            f"a{rng.randrange(200):03d}",
            "like",
            f"n{rng.randrange(60):02d}",
            T0 + rng.randrange(86_400) * SECOND,
        )
        for i in range(3000)
    ]
    for i in range(15):
        at = T0 + (i * 5000 + 77) * SECOND
        acts += [Act(f"x{i}", "x", "like", f"n{i:02d}", at), Act(f"y{i}", "y", "like", f"n{i:02d}", at + 9 * SECOND)]
    with logged(acts, engine) as connection:
        found = coact(connection, CoactConfig(CoactionConfig(60 * SECOND, 3600 * SECOND)))
        edges = found.edges.read_all()
    assert [(r["account_a"], r["account_b"], r["channel"]) for r in edges.to_pylist()] == [
        ("x", "y", "all"),
        ("x", "y", "like"),
    ]
    first = edges.to_pylist()[0]
    assert (first["objects"], first["a_first_share"]) == (15, 1.0)
    assert first["expected"] < 1
    assert first["q_value"] < 1e-6


def test_ids_that_differ_in_case_blanks_or_type_look_alike() -> None:
    names = np.array(
        sorted(["Ann", "ann", "bob", " bob", "1", "1.0", "1.5", "10", "zoë"], key=str.encode), dtype=object
    )
    assert look_alikes(names) == [("1", "1.0"), ("Ann", "ann"), (" bob", "bob")]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"fdr": 0}, "fdr"),
        ({"fdr": 1.0}, "fdr"),
        ({"participation": 0}, "participation"),
        ({"test": False}, "every pair"),
    ],
)
def test_what_means_nothing_is_refused(asked: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        CoactConfig(**asked)


def test_a_data_window_upside_down_is_refused(engine: str) -> None:
    with logged([Act("1", "a", "like", "n", T0)], engine) as connection, pytest.raises(InputError, match="--since"):
        coact(connection, CoactConfig(), T0 + 1, T0)


def test_the_data_window_leaves_out_what_lies_outside(engine: str) -> None:
    acts = [
        Act(f"{i}", who, "like", "n", T0 + at) for i, (who, at) in enumerate([("a", 0), ("b", 1), ("c", 2), ("d", 3)])
    ]
    config = CoactConfig(CoactionConfig(W, 40), every=True, test=False)
    with logged(acts, engine) as connection:
        rows = coact(connection, config, T0 + 1, T0 + 3).edges.read_all().to_pylist()
    assert {(r["account_a"], r["account_b"]) for r in rows} == {("b", "c")}


def test_edges_come_in_batches_that_join_to_the_same_table(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    acts = [Act(f"{i}-{j}", f"a{i:02d}", "like", f"n{j}", T0 + i) for i in range(60) for j in range(2)]
    whole = counted(acts, engine)
    monkeypatch.setattr("graph.coact.BATCH", 100)
    config = CoactConfig(CoactionConfig(W, 40), every=True, test=False)
    with logged(acts, engine) as connection:
        batches = list(coact(connection, config, T0, T0 + 1000).edges)
    assert pa.Table.from_batches(batches).to_pylist() == whole
