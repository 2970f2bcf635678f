"""CooRTweet's answers: those of its own runs on real data, and those of a plain reading of what it does."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peerkit import Share, coortweet_network, coortweet_pairs, r_quantile, shares_table
from shoalkit import shoal

from graph.errors import InputError
from graph.peers.coortweet import FAST_COLUMNS, MEASURES, CooRTweetConfig, network, pairs
from graph.peers.scratch import quantile

EDGE_COLUMNS = ["from", "to", *MEASURES, "weight_threshold"]
names = st.sampled_from(["A", "a", "b", "ä", "猫"])
shares = st.lists(
    st.builds(
        Share,
        st.sampled_from(["o1", "o2", "c3"]),
        names,
        # few contents, so that they repeat; one of them is also an object
        st.sampled_from([f"c{i}" for i in range(8)]),
        st.integers(0, 16).map(lambda quarter: 1_623_881_000 + quarter / 4),
    ),
    max_size=14,
)


@pytest.fixture(scope="module")
def russian(shared_data: Path) -> Path:
    return shared_data / "cooRTweet" / "russian_coord_tweets.parquet"


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """Rows as tuples; floats with the 15 digits that R writes."""
    columns = [
        [None if v is None else float(f"{v:.15g}") for v in c.to_pylist()]
        if pa.types.is_floating(c.type)
        else c.to_pylist()
        for c in table.columns
    ]
    return list(zip(*columns, strict=True))


@pytest.mark.parametrize(
    ("window", "edge_weight", "known", "full", "over", "most"),
    [
        (10, 0.5, "coort_russian_tw10_mp2_edges", (525, 442), (8, 4, 4), 3),
        (60, 0.5, "coort_russian_tw60_mp2_edges", (2110, 3721), (94, 60, 34), 4),
        (60, 0.99, None, (2110, 3721), (14, 9, 5), 4),
    ],
)
def test_the_command_gives_the_edges_that_coortweet_gave(
    russian: Path,
    tmp_path: Path,
    window: int,
    edge_weight: float,
    known: str | None,
    full: tuple[int, int],
    over: tuple[int, int, int],
    most: int,
) -> None:
    out = tmp_path / "edges.parquet"
    asked = ("--window", f"{window}s", "--min-participation", 2, "--edge-weight", edge_weight)
    done = shoal("coact", russian, "--preset", "coortweet", *asked, "--out", out)
    assert (done.code, done.out) == (0, f"{out}: {full[1]:,} edges of coortweet, from 35,125 rows\n")
    got = pq.read_table(out)
    assert got.column_names == EDGE_COLUMNS
    if known is not None:
        wanted = pq.read_table(russian.with_name(f"{known}.parquet"))
        assert wanted.column_names == EDGE_COLUMNS
        assert rows_of(got) == rows_of(wanted)
    graph = nx.Graph()
    graph.add_edges_from((r["from"], r["to"], r) for r in got.to_pylist())
    assert (len(graph), graph.number_of_edges()) == full
    assert max(got["weight"].to_pylist()) == most
    strong = graph.edge_subgraph([(a, b) for a, b, held in graph.edges(data=True) if held["weight_threshold"]])
    assert (len(strong), strong.number_of_edges(), nx.number_connected_components(strong)) == over


def test_the_functions_give_what_the_command_gives_and_the_pairs_that_coortweet_gave(russian: Path) -> None:
    table = pq.read_table(russian)
    config = CooRTweetConfig(10, 2, 0.5)
    found = pairs(table, config)
    wanted = pq.read_table(russian.with_name("coort_russian_tw10_mp2_pairs.parquet"))
    assert found.column_names == wanted.column_names
    assert rows_of(found) == rows_of(wanted)
    assert found.num_rows == 447
    edges = pq.read_table(russian.with_name("coort_russian_tw10_mp2_edges.parquet"))
    assert rows_of(network(table, config)) == rows_of(edges)
    assert pairs(table, CooRTweetConfig(60, 2)).num_rows == 3791


def test_the_fast_network_of_real_data_is_the_network_of_the_narrow_window(russian: Path, tmp_path: Path) -> None:
    out = tmp_path / "fast.csv"
    asked = ("--window", "60s", "--fast-window", "10s", "--edge-weight", "0.5")
    assert shoal("coact", russian, "--preset", "coortweet", *asked, "--out", out).code == 0
    table = network(pq.read_table(russian), CooRTweetConfig(60, 2, 0.5, 10))
    assert table.column_names == ["from", "to", *FAST_COLUMNS]
    fast, full = (
        {frozenset(r[:2]): r[2:] for r in rows_of(table.select(["from", "to", *(f"{m}_{kind}" for m in names)]))}
        for kind, names in (("fast", EDGE_COLUMNS[2:]), ("full", EDGE_COLUMNS[2:]))
    )
    wide = rows_of(pq.read_table(russian.with_name("coort_russian_tw60_mp2_edges.parquet")))
    assert full == {frozenset(r[:2]): r[2:] for r in wide}
    # what takes part is asked again of the narrow pairs, so nothing of the fast network lies outside that of 10 s
    narrow = {
        frozenset(r[:2]) for r in rows_of(pq.read_table(russian.with_name("coort_russian_tw10_mp2_edges.parquet")))
    }
    quick = {ends for ends, measures in fast.items() if measures[0] is not None}
    assert quick
    assert quick <= narrow
    with out.open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["from", "to", *FAST_COLUMNS]
    assert len(lines) == 3721


@settings(max_examples=40, deadline=None)
@given(shares, st.sampled_from([0, 0.25, 1, 4]), st.integers(1, 3), st.none() | st.sampled_from([0, 0.25, 1]))
def test_pairs_are_those_of_the_written_semantics(
    rows: list[Share], window: float, least: int, fast: float | None
) -> None:
    fast = None if fast is None else min(fast, window)
    got = pairs(shares_table(rows), CooRTweetConfig(window, least, 0.5, fast))
    wanted = coortweet_pairs(rows, window, least, fast)
    assert rows_of(got) == [(*p, *(() if fast is None else (flag,))) for p, flag in wanted]


@settings(max_examples=40, deadline=None)
@given(
    shares,
    st.sampled_from([0, 0.25, 1, 4]),
    st.integers(1, 3),
    st.sampled_from([0, 0.3, 0.5, 0.9, 1]),
    st.none() | st.sampled_from([0, 0.25, 1]),
)
def test_networks_are_those_of_the_written_semantics(
    rows: list[Share], window: float, least: int, share: float, fast: float | None
) -> None:
    fast = None if fast is None else min(fast, window)
    got = network(shares_table(rows), CooRTweetConfig(window, least, share, fast))
    wanted = coortweet_network(rows, window, least, share, fast)
    if fast is None:
        assert got.column_names == EDGE_COLUMNS
        assert rows_of(got) == [tuple(_digits(v) for v in row) for row in wanted]
        return
    ordered = [f"{m}_{kind}" for kind in ("full", "fast") for m in EDGE_COLUMNS[2:]]
    assert sorted(ordered) == sorted(FAST_COLUMNS)
    by_ends = sorted(rows_of(got.select(["from", "to", *ordered])), key=lambda r: r[:2])
    assert by_ends == sorted((tuple(_digits(v) for v in row) for row in wanted), key=lambda r: r[:2])


def _digits(value: Any) -> Any:
    return float(f"{value:.15g}") if isinstance(value, float) else value


def test_missing_ids_meet_nobody() -> None:
    rows = [Share(None, "a", "c1", 0), Share(None, "b", "c2", 0), Share("o", None, "c3", 0), Share("o", "b", None, 0)]
    rows += [Share("o", "a", "c4", 0), Share("o", "b", "c5", 0)]
    got = pairs(shares_table(rows), CooRTweetConfig(1, 1))
    assert [r[1:3] for r in rows_of(got)] == [("c4", "c5")]
    assert rows_of(got) == [tuple(p) for p, _ in coortweet_pairs(rows, 1, 1)]


def test_one_of_two_accounts_that_takes_part_is_enough() -> None:
    """The peer's OR: b's one content is kept because a has two."""
    rows = [Share("o1", "a", "c1", 0), Share("o1", "b", "c2", 0), Share("o2", "a", "c3", 0), Share("o2", "c", "c4", 0)]
    rows += [Share("o9", "b", "c5", 0), Share("o8", "c", "c6", 0)]
    assert [r[4:] for r in rows_of(pairs(shares_table(rows), CooRTweetConfig(1, 2)))] == [("a", "b"), ("a", "c")]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.floats(0, 1))
@settings(deadline=None)
def test_the_quantile_is_that_of_r_to_the_last_bit(values: list[int], share: float) -> None:
    assert quantile(np.array(values), share) == r_quantile(values, share)


def test_the_quantile_counts_from_one_as_r_does() -> None:
    """3.9999999999999996 + 1 is 5 in floating point, so R takes the fifth value as it stands."""
    share = 0.39999999999999997
    assert 10 * share < 4
    assert quantile(np.array([1] * 4 + [1000] * 7), share) == 1000


@pytest.mark.parametrize(
    "change",
    [
        {"time_window": -1},
        {"time_window": float("nan")},
        {"min_participation": 0},
        {"edge_weight": 1.5},
        {"fast_window": 11},
        {"fast_window": -1},
    ],
)
def test_what_means_nothing_is_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        CooRTweetConfig(**change)


@pytest.mark.parametrize("at", [None, float("nan"), float("inf"), 1_623_881_091_000_000.0])
def test_a_time_that_is_none_is_refused_with_its_row(at: float | None) -> None:
    table = shares_table([Share("o", "a", "c", 1.0), Share("o", "b", "d", at)])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="row 2, timestamp_share"):
        network(table, CooRTweetConfig())


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="coortweet: missing column content_id"):
        network(shares_table([]).drop_columns("content_id"), CooRTweetConfig())


def test_no_rows_and_windows_of_years_are_valid() -> None:
    assert network(shares_table([]), CooRTweetConfig()).num_rows == 0
    assert network(shares_table([]), CooRTweetConfig(fast_window=1)).column_names == ["from", "to", *FAST_COLUMNS]
    rows = [Share("o", "a", "c", 0), Share("o", "b", "d", 3e8), Share("o", "a", "e", 3e8)]
    assert rows_of(network(shares_table(rows), CooRTweetConfig(1e9, 1)))[0][:4] == ("a", "b", 2, 1.5e8)
