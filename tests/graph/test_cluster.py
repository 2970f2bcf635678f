"""`shoal cluster` as a person runs it: what it finds, tells, keeps beside the table and refuses."""

from __future__ import annotations

import csv
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest

from graph.model import CLUSTERS
from graph.tablefiles import read_table
from shoal import main

ROOT = Path(__file__).parents[2]
PLAIN = ("account_a", "account_b", "weight")
COACT = (
    "account_a",
    "account_b",
    "channel",
    "co_actions",
    "objects",
    "a_first_share",
    "expected",
    "p_value",
    "q_value",
)
Row = tuple[Any, ...]


@pytest.fixture
def edges(tmp_path: Path) -> Callable[..., Path]:
    """Write a CSV of edges."""

    def write(rows: list[Row], header: Row = PLAIN, name: str = "edges.csv") -> Path:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return tmp_path / name

    return write


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and what is told, or why it was refused; in this process, from the entry point on."""
    out, err, code = StringIO(), StringIO(), 0
    with (
        patch.object(sys, "argv", ["shoal", "cluster", *map(str, arguments)]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, out.getvalue() if code == 0 else err.getvalue().partition("Error: ")[2]


def clique(name: str, size: int, weight: float = 1) -> list[Row]:
    return [(f"{name}{i}", f"{name}{j}", weight) for i, j in combinations(range(size), 2)]


def coacted(pairs: list[Row], q: float, **given: Any) -> list[Row]:
    """Rows as `shoal coact` writes them, of channels all and share."""
    row = {"co_actions": 4, "objects": 4, "a_first_share": 0.5, "expected": 0.1, "p_value": q / 10, "q_value": q}
    held = [
        {**row, **given, "account_a": a, "account_b": z, "channel": c} for a, z, *_ in pairs for c in ("all", "share")
    ]
    return [tuple(r[column] for column in COACT) for r in held]


def members(path: Path) -> dict[str, set[str]]:
    table = read_table(path)[0]
    held: dict[str, set[str]] = {}
    for account, named in zip(table["account_id"].to_pylist(), table["cluster_id"].to_pylist(), strict=True):
        held.setdefault(named, set()).add(account)
    return held


def names(name: str, size: int) -> set[str]:
    return {f"{name}{i}" for i in range(size)}


@pytest.mark.parametrize("header", [PLAIN, ("from", "to", "weight"), ("user_1", "user_2", "weight")])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_weighted_edges_of_anybody_are_clustered_and_the_bound_is_told(
    edges: Callable[..., Path], tmp_path: Path, header: Row, suffix: str
) -> None:
    path, out = (
        edges([*clique("a", 6), *clique("b", 7), *clique("c", 8), ("x", "y", 2)], header),
        tmp_path / f"c{suffix}",
    )
    code, told = run(path, "--out", out)
    assert code == 0, told
    assert members(out) == {"cluster-a0": names("a", 6), "cluster-b0": names("b", 7), "cluster-c0": names("c", 8)}
    assert told.splitlines()[-3:] == [
        f"{path}: 65 edges of 23 accounts",
        f"{out}: 3 clusters with 21 accounts",
        "Not every edge has been tested: a group is kept if chance explains it at 0.05 or less (--alpha).",
    ]
    if suffix == ".parquet":
        assert pq.read_schema(out).remove_metadata().equals(CLUSTERS.schema)


def test_what_chance_explains_is_no_cluster_unless_asked_for(edges: Callable[..., Path], tmp_path: Path) -> None:
    path, out = edges([*clique("a", 3), ("d", "e", 3)]), tmp_path / "c.csv"
    code, told = run(path, "--out", out)
    assert (code, members(out)) == (0, {})
    assert "(--alpha)" in told
    code, told = run(path, "--out", out, "--alpha", 1)
    assert (code, members(out)) == (0, {"cluster-a0": names("a", 3)})
    assert "--alpha" not in told


def test_the_choices_stand_in_the_metadata(edges: Callable[..., Path], tmp_path: Path) -> None:
    rows = [*clique("a", 6), *clique("b", 7)]
    options = ("--resolution", 0.2, "--resolution", 0.4, "--seeds", 2, "--seed", 9, "--min-size", 4, "--alpha", 0.01)
    for suffix in (".parquet", ".csv"):
        assert run(edges(rows), "--out", tmp_path / f"c{suffix}", *options, "--min-stability", 0.5)[0] == 0
        choices = read_table(tmp_path / f"c{suffix}")[1]
        assert choices["made_by"] == "shoal cluster"
        assert choices["parameters"] == {
            "resolutions": [0.2, 0.4],
            "seeds": 2,
            "least_size": 4,
            "least_stability": 0.5,
            "seed": 9,
            "weight": "weight",
            "alpha": 0.01,
        }
        assert choices["input"]["edges"] == 36
        assert choices["input"]["tested"] is False
        assert choices["versions"]["graspologic-native"]
    assert json.loads((tmp_path / "c.csv.meta.json").read_text())["file"]["name"] == "c.csv"


@pytest.mark.parametrize(
    ("q", "options", "alpha", "weight"),
    [
        (0.001, (), 1.0, "one"),
        (1.0, (), 0.05, "one"),  # shoal coact --all
        ("", (), 0.05, "one"),
        (0.001, ("--weight", "objects"), 1.0, "objects"),
        (0.001, ("--weight", "excess", "--alpha", "0.2"), 0.2, "excess"),
    ],
)
def test_only_edges_that_were_tested_need_no_bound(
    edges: Callable[..., Path], tmp_path: Path, q: Any, options: Row, alpha: float, weight: str
) -> None:
    rows = coacted(clique("a", 3), 0.001)[:-2] + coacted([("a1", "a2")], q or 0.001, q_value=q)
    assert run(edges(rows, COACT), "--out", tmp_path / "c.csv", *options)[0] == 0
    choices = read_table(tmp_path / "c.csv")[1]
    assert (choices["parameters"]["alpha"], choices["parameters"]["weight"]) == (alpha, weight)
    assert choices["input"]["tested"] is (q == 0.001)
    assert choices["input"]["edges"] == 3
    assert members(tmp_path / "c.csv") == ({"cluster-a0": names("a", 3)} if alpha == 1 else {})


def test_excess_leaves_out_pairs_that_chance_explains_and_who_always_leads_is_followed(
    edges: Callable[..., Path], tmp_path: Path
) -> None:
    rows = coacted([(f"a{i}", f"a{j}") for i, j in combinations(range(1, 5), 2)], 0.001)
    rows += coacted([("a0", f"a{i}") for i in range(1, 5)], 0.001, a_first_share=1.0)
    rows += coacted([("x", "y")], 0.001, expected=5.0)
    code, told = run(edges(rows, COACT), "--out", tmp_path / "c.csv", "--weight", "excess")
    assert code == 0
    assert "1 pair left out: chance explains all of their objects" in told
    table = read_table(tmp_path / "c.csv")[0]
    assert dict(zip(table["account_id"].to_pylist(), table["role"].to_pylist(), strict=True)) == {
        "a0": "followed",
        **{f"a{i}": "core" for i in range(1, 5)},
    }


def test_pairs_that_stand_there_twice_or_either_way_are_one_edge(edges: Callable[..., Path], tmp_path: Path) -> None:
    rows = [*clique("a", 6, 2), *clique("b", 6, 2), *clique("c", 6, 2)]
    halves = [(z, a, w / 2) for a, z, w in rows] + [(a, z, w / 2) for a, z, w in rows]
    written = []
    for held in (rows, random.Random(1).sample(halves, len(halves))):
        assert run(edges(held), "--out", tmp_path / "c.csv")[0] == 0
        written.append((tmp_path / "c.csv").read_bytes())
    assert written[0] == written[1]
    assert len(members(tmp_path / "c.csv")) == 3


def test_no_edges_is_an_empty_valid_file_and_a_sentence(edges: Callable[..., Path], tmp_path: Path) -> None:
    code, told = run(edges([]), "--out", tmp_path / "c.csv")
    assert code == 0
    assert told.splitlines()[-1] == "The table is empty: there are no edges."
    table, choices = read_table(tmp_path / "c.csv")
    assert (table.num_rows, table.column_names) == (0, CLUSTERS.columns)
    assert choices["input"]["edges"] == 0


PAIR = [("a", "b", 1)]


@pytest.mark.parametrize(
    ("rows", "header", "options", "said"),
    [
        (PAIR, ("a", "b", "weight"), (), "missing column account_a or account_b"),
        ([("a", "b")], ("account_a", "account_b"), (), "missing column weight"),
        ([*PAIR, ("", "b", 1)], PLAIN, (), "row 2, account_a: empty; expected an account id"),
        ([*PAIR, ("b", "b", 1)], PLAIN, (), "row 2, account_b: the same account as account_a"),
        ([*PAIR, ("a", "c", 0)], PLAIN, (), "row 2, weight: '0'; expected a number above zero"),
        ([*PAIR, ("a", "c", "")], PLAIN, (), "row 2, weight: "),
        ([*PAIR, ("a", "c", "inf")], PLAIN, (), "row 2, weight: 'inf'; expected a number above zero"),
        ([*PAIR, ("a", "c", "many")], PLAIN, (), "row 2, weight: "),
        (coacted(PAIR, 0.5)[1:], COACT, (), "channel: no row of it is of channel all"),
        ([*coacted(PAIR, 0.5), *coacted([("a", "c")], 0.5, q_value="x")], COACT, (), "row 3, q_value: "),
        (PAIR, PLAIN, ("--weight", "objects"), "missing column objects"),
        (PAIR, PLAIN, ("--alpha", 0), "alpha: 0.0; expected a level above 0 and at most 1"),
        (PAIR, PLAIN, ("--alpha", 1.5), "alpha: 1.5; expected"),
        (PAIR, PLAIN, ("--alpha", "nan"), "alpha: nan; expected"),
        (PAIR, PLAIN, ("--resolution", 0), "resolution: 0.0; expected a number above zero"),
        (PAIR, PLAIN, ("--seeds", 0), "seeds: 0; expected at least 1"),
        (PAIR, PLAIN, ("--min-size", 1), "min_size: 1; expected at least 2"),
        (PAIR, PLAIN, ("--min-stability", 2), "min_stability: 2.0; expected 0 to 1"),
    ],
)
def test_bad_input_names_file_row_and_column_and_leaves_nothing(
    edges: Callable[..., Path], tmp_path: Path, rows: list[Row], header: Row, options: Row, said: str
) -> None:
    path = edges(rows, header)
    code, told = run(path, "--out", tmp_path / "c.csv", *options)
    assert code != 0
    assert said in told
    assert options or told.startswith(str(path))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["edges.csv"]


@pytest.mark.parametrize(
    ("given", "out", "said"),
    [
        ("edges.csv", "c.graphml", "expected a name ending in .parquet or .csv"),
        ("edges.csv", "edges.csv", "is the file that is read"),
        ("edges.csv", "nowhere/c.csv", "there is no folder"),
        ("none.csv", "c.csv", "no such file"),
    ],
)
def test_bad_files_are_refused(edges: Callable[..., Path], tmp_path: Path, given: str, out: str, said: str) -> None:
    held = edges(PAIR).read_bytes()
    code, told = run(tmp_path / given, "--out", tmp_path / out)
    assert code != 0
    assert said in told
    assert (tmp_path / "edges.csv").read_bytes() == held


COMMAND = """
import sys
from graph.cli import cluster
for out in sys.argv[2:]:
    cluster([sys.argv[1], "--out", out], standalone_mode=False)
"""


def test_same_edges_same_seed_same_bytes_whatever_the_hash_seed_and_order_of_rows(
    edges: Callable[..., Path], tmp_path: Path
) -> None:
    drawn = np.random.default_rng(1).integers(0, 60, (200, 2))
    rows = [(f"u{a}", f"u{z}", 1.1 + a % 3) for a, z in drawn if a != z] + clique("é", 7, 0.7) + clique("猫", 9, 3.3)
    made = []
    for seed in ("1", "2"):
        path = edges(random.Random(seed).sample(rows, len(rows)))
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        line = [sys.executable, "-c", COMMAND, path, tmp_path / "c.csv", tmp_path / "c.parquet"]
        subprocess.run(line, env=environment, check=True, capture_output=True)
        made.append([(tmp_path / name).read_bytes() for name in ("c.csv", "c.csv.meta.json", "c.parquet")])
    assert made[0] == made[1]
    assert {"cluster-é0", "cluster-猫0"} <= set(members(tmp_path / "c.csv"))
