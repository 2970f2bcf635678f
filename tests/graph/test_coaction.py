"""Co-actions against a plain reference implementation of the written semantics."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import coaction
from graph.errors import InputError

W, H = 10, 40
Event = tuple[str, str, str, int, str]  # account, channel, object, at, event_id

# registration client and device; with five accounts at most, no client is rare, but a device always tells
TRAITS = {"a": ("web", "d1"), "b": ("web", "d1"), "c": ("app", None), "ä": (None, "d1")}

events = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "ä", "猫"]),
        st.sampled_from(["like", "url"]),
        st.sampled_from(["note:1", "note:2", "x"]),
        st.integers(0, 60),
    ),
    max_size=24,
).map(lambda rows: [(*row, f"e{i:02d}") for i, row in enumerate(rows)])


def connect(rows: list[Event]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(
        'CREATE TABLE actions (account_id VARCHAR, channel VARCHAR, object_id VARCHAR, "at" BIGINT, event_id VARCHAR)'
    )
    connection.execute("CREATE TABLE accounts (account_id VARCHAR, registration_client VARCHAR, device_id VARCHAR)")
    if rows:
        connection.executemany("INSERT INTO actions VALUES (?, ?, ?, ?, ?)", rows)
    for account, (client, device) in TRAITS.items():
        connection.execute("INSERT INTO accounts VALUES (?, ?, ?)", [account, client, device])
    return connection


def event_pairs(rows: list[Event], gap: int) -> dict[tuple[str, str, str], list[tuple[str, Event, Event]]]:
    """(account a, account z, channel) -> (object, event of a, event of z) at most `gap` apart."""
    found = defaultdict(list)
    for x, y in combinations(rows, 2):
        if x[1:3] == y[1:3] and x[0] != y[0] and abs(x[3] - y[3]) <= gap:
            p, q = sorted((x, y), key=lambda e: e[0])
            found[p[0], q[0], x[1]].append((x[2], p, q))
    return found


def counted(rows: list[Event], least: int) -> tuple[coaction.Coactions, list[str], list[tuple[str, str]], object]:
    connection = connect(rows)
    coaction.prepare(connection, 0, 1000)
    config = coaction.CoactionConfig(W, H, (1.0,), least)
    found = coaction.count(connection, config)
    objects = connection.execute("SELECT channel, object_id FROM object_ids ORDER BY o").fetchall()
    return found, list(coaction.account_names(connection)), objects, connection


@settings(max_examples=50, deadline=None)
@given(events, st.integers(1, 2))
def test_candidates_and_meetings_are_those_of_the_definition(rows: list[Event], least: int) -> None:
    found, names, objects, _ = counted(rows, least)
    met, near = event_pairs(rows, W), event_pairs(rows, H)
    expected = {k for k, pairs in met.items() if len({o for o, *_ in pairs}) >= least}
    got = {(names[c.a], names[c.z], c.channel): c.pair for c in found.candidates.itertuples()}
    meetings = found.scales[0].meetings
    for c in found.candidates.itertuples():
        assert c.kin == ({names[c.a], names[c.z]} <= {"a", "b", "ä"})
    assert set(got) == expected
    for key, pair in got.items():
        rows_of = meetings[meetings["pair"] == pair]
        counts = {(objects[r.o][1]): (r.near, r.met) for r in rows_of.itertuples()}
        assert counts == {
            o: (sum(p[0] == o for p in near[key]), sum(p[0] == o for p in met[key])) for o in {p[0] for p in near[key]}
        }


@settings(max_examples=40, deadline=None)
@given(events, st.sets(st.sampled_from(["a", "b", "c", "ä", "猫"])))
def test_crowds_count_every_pair_of_two_unsuspected_accounts(rows: list[Event], suspected: set[str]) -> None:
    found, names, objects, _ = counted(rows, 1)
    crowds = found.scales[0].crowds(np.array([n in suspected for n in names], dtype=bool)).set_index("o")
    for o, (channel, name) in enumerate(objects):
        on = [e for e in rows if e[1:3] == (channel, name) and e[0] not in suspected]
        gaps = [abs(x[3] - y[3]) for x, y in combinations(on, 2) if x[0] != y[0]]
        got = (0, 0) if o not in crowds.index else (crowds.loc[o, "near"], crowds.loc[o, "met"])
        assert got == (sum(d <= H for d in gaps), sum(d <= W for d in gaps))


@settings(max_examples=40, deadline=None)
@given(events, st.integers(1, 2))
def test_pairs_tested_are_those_that_pass_the_filter(rows: list[Event], least: int) -> None:
    found, *_ = counted(rows, least)
    passing = {k for k, pairs in event_pairs(rows, H).items() if len({o for o, *_ in pairs}) >= least}
    pairs = {k[:2] for k in passing}
    kin = {p for p in pairs if set(p) <= {"a", "b", "ä"}}
    assert found.pairs_tested == {"strangers": len(pairs - kin), "kin": len(kin)}
    numbers = {name: i for i, name in enumerate(sorted({r[0] for r in rows}, key=lambda n: n.encode()))}
    candidates = sorted({(c.a, c.z) for c in found.candidates.itertuples()})
    tests = {(numbers[a], numbers[z]): sum(k[:2] == (a, z) for k in passing) for a, z in pairs}
    assert found.channels.tolist() == [tests[c] for c in candidates]


@settings(max_examples=40, deadline=None)
@given(events)
def test_edge_counts_are_those_of_the_definition(rows: list[Event]) -> None:
    found, names, _, connection = counted(rows, 1)
    kept = found.candidates[["a", "z"]].drop_duplicates()
    edges = coaction.edge_counts(connection, kept, coaction.CoactionConfig(W, H, (1.0,), 1))  # type: ignore[arg-type]
    met = event_pairs(rows, W)
    together: dict[tuple[str, str], list[tuple[str, Event, Event]]] = defaultdict(list)
    for (a, z, _), pairs in met.items():
        together[a, z] += pairs
    wanted = {(*k,): v for k, v in met.items()} | {(*k, "all"): v for k, v in together.items()}
    assert {(names[e.a], names[e.z], e.channel) for e in edges.itertuples()} == set(wanted)
    for e in edges.itertuples():
        pairs = wanted[names[e.a], names[e.z], e.channel]
        times = [min(p[3], q[3]) for _, p, q in pairs]
        first2 = sum(2 if p[3] < q[3] else int(p[3] == q[3]) for _, p, q in pairs)
        assert (e.co_actions, e.objects) == (len(pairs), len({o for o, *_ in pairs}))
        assert (e.first_at, e.last_at, e.a_first2) == (min(times), max(times), first2)


def test_one_interaction_seen_on_several_channels_counts_once_in_all() -> None:
    rows = [
        (account, channel, thing, at, f"{account}1")
        for account, at in (("a", 0), ("b", 5))
        for channel, thing in (("comment", "note:1"), ("url", "url:1"), ("template", "template:1"))
    ]
    connection = connect(rows)
    coaction.prepare(connection, 0, 100)
    edges = coaction.edge_counts(
        connection, pd.DataFrame({"a": [0], "z": [1]}), coaction.CoactionConfig(W, H, (1.0,), 1)
    )
    assert edges.set_index("channel")["co_actions"].to_dict() == {"all": 1, "comment": 1, "template": 1, "url": 1}
    assert edges.set_index("channel").loc["all", "objects"] == 3


def test_the_order_of_rows_changes_nothing() -> None:
    rows: list[Event] = [("b", "like", f"n{i}", 10 * i + j, f"e{i}{j}") for i in range(5) for j in range(3)]
    rows += [("a", "like", f"n{i}", 10 * i + 3, f"f{i}") for i in range(5)]
    one, *_ = counted(rows, 2)
    two, *_ = counted(rows[::-1], 2)
    pd.testing.assert_frame_equal(one.candidates, two.candidates)
    pd.testing.assert_frame_equal(one.scales[0].meetings, two.scales[0].meetings)
    nobody = np.zeros(one.accounts, dtype=bool)
    pd.testing.assert_frame_equal(one.scales[0].crowds(nobody), two.scales[0].crowds(nobody))


@settings(max_examples=50, deadline=None)
@given(events, st.integers(1, 2))
def test_hot_actions_are_those_amid_a_crowd_and_candidates_are_counted_on_all_actions(
    rows: list[Event], crowd: int
) -> None:
    connection = connect(rows)
    coaction.prepare(connection, 0, 1000)
    found = coaction.count(connection, coaction.CoactionConfig(W, H, (1.0,), 1, crowd))
    shared = {key for key in {r[1:3] for r in rows} if len({r[0] for r in rows if r[1:3] == key}) > 1}
    hot = [
        r
        for r in rows
        if r[1:3] in shared and sum(o[0] != r[0] and o[1:3] == r[1:3] and abs(o[3] - r[3]) <= W for o in rows) > crowd
    ]
    assert (found.hot["actions"], found.hot["objects"]) == (len(hot), len({r[1:3] for r in hot}))
    cold = event_pairs([r for r in rows if r not in hot], W)
    names = list(coaction.account_names(connection))
    got = {(names[c.a], names[c.z], c.channel) for c in found.candidates.itertuples()}
    every = event_pairs(rows, W)
    assert set(cold) <= got <= set(every)  # what the signatures add has met
    near = event_pairs(rows, H)
    total = found.scales[0].meetings.groupby("pair")[["near", "met"]].sum()
    for c in found.candidates.itertuples():
        key = (names[c.a], names[c.z], c.channel)
        assert tuple(total.loc[c.pair]) == (len(near[key]), len(every[key]))


def test_two_accounts_in_the_same_crowds_at_the_same_moments_are_candidates() -> None:
    rows: list[Event] = []
    for note in range(12):
        crowd = [(f"p{note}-{i}", 7 * i % 40) for i in range(30)]  # other people every time
        rows += [(who, "like", f"n{note}", at, f"{who}") for who, at in [*crowd, ("x", 20), ("y", 20)]]
    connection = connect(rows)
    coaction.prepare(connection, 0, 1000)
    found = coaction.count(connection, coaction.CoactionConfig(W, H, (1.0,), 3, crowd=3))
    names = list(coaction.account_names(connection))
    assert found.hot["objects"] == 12
    assert {(names[c.a], names[c.z]) for c in found.candidates.itertuples()} == {("x", "y")}


@pytest.mark.parametrize(("window", "horizon"), [(0, 100), (-5, 100), (90_000_000_000, 10**12), (10, 15)])
def test_windows_that_mean_nothing_are_refused(window: int, horizon: int) -> None:
    with pytest.raises(InputError, match=r"window|horizon"):
        coaction.CoactionConfig(window, horizon)


def test_no_events_at_all_is_an_empty_valid_answer() -> None:
    found, names, objects, _ = counted([], 1)
    assert (len(found.candidates), names, objects, found.pairs_tested) == (0, [], [], {"strangers": 0, "kin": 0})
