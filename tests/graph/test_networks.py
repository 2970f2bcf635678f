"""Networks through successive runs: whose id goes on, what is said of it, and what is gone."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.model import CLUSTERS, NETWORKS, RUN_TABLES
from graph.networks import identify, lineage, members_of
from graph.runs import Run, RunStore

Groups = dict[str, list[str]]
ACCOUNTS = [f"a{i:02d}" for i in range(30)]


def table(groups: Groups, name: str) -> pd.DataFrame:
    rows = [(account, group) for group, accounts in groups.items() for account in accounts]
    return pd.DataFrame(rows, columns=["account_id", name], dtype=object)


def step(now: Groups, before: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Identify the clusters of a run after networks of another; the result, and its account_id, network_id."""
    members = table(now, "cluster_id")
    found = identify(members, before)
    return found, members.merge(found, on="cluster_id")[["account_id", "network_id"]]


def a(*numbers: int) -> list[str]:
    return [f"a{i:02d}" for i in numbers]


NOTHING = table({}, "network_id")


def told(now: Groups, before: Groups) -> dict[str, tuple[str, str, list[str]]]:
    """Cluster -> network id, change, parents, after networks named as in `before`."""
    found, _ = step(now, table(before, "network_id"))
    return {r.cluster_id: (r.network_id, r.change, r.parents) for r in found.itertuples()}


def test_every_change_by_hand() -> None:
    before = {"X": a(*range(10)), "Y": a(*range(10, 16))}
    assert told({"c": a(*range(10))}, before)["c"] == ("X", "same", ["X"])
    assert told({"c": a(*range(10), 20)}, before)["c"] == ("X", "grew", ["X"])
    assert told({"c": a(*range(6))}, before)["c"] == ("X", "shrank", ["X"])
    assert told({"c": a(*range(16))}, before)["c"] == ("X", "merged", ["X", "Y"])
    new, change, parents = told({"c": a(20, 21, 22)}, before)["c"]
    assert (new not in before, change, parents) == (True, "born", [])
    parts = told({"c": a(*range(6)), "d": a(*range(6, 10))}, before)
    assert parts["c"] == ("X", "shrank", ["X"])
    assert parts["d"][0] not in before
    assert parts["d"][1:] == ("split", ["X"])


def test_an_id_is_not_born_again_while_its_network_lives() -> None:
    """A network grows, then its first members split off: their id would be the one they were born with."""
    first, members = step({"c": a(*range(4))}, NOTHING)
    born = first["network_id"][0]
    grown, members = step({"c": a(*range(10))}, members)
    assert grown["network_id"][0] == born
    parted, _ = step({"c": a(*range(4)), "d": a(*range(4, 10))}, members)
    assert parted.set_index("cluster_id")["network_id"]["d"] == born
    assert parted["network_id"].is_unique


def test_many_small_parts_are_parts_of_it_and_nothing_is_gone() -> None:
    parts = told({f"c{i}": a(*range(4 * i, 4 * i + 4)) for i in range(5)}, {"X": a(*range(20))})
    assert {(change, *parents) for _, change, parents in parts.values()} == {("split", "X")}
    assert "X" not in {network_id for network_id, *_ in parts.values()}


def test_what_mostly_new_accounts_swallow_is_merged_into_them() -> None:
    network_id, change, parents = told({"c": a(*range(20))}, {"X": a(*range(4))})["c"]
    assert (network_id != "X", change, parents) == (True, "merged", ["X"])


def test_counts_are_against_the_network_of_the_same_id() -> None:
    found, _ = step({"c": a(*range(2, 13))}, table({"X": a(*range(10))}, "network_id"))
    row = found.iloc[0]
    assert (row["size"], row["size_before"], row["joined"], row["left"]) == (11, 10, 3, 2)


groups = st.lists(st.integers(0, 5), min_size=30, max_size=30).map(
    lambda where: {
        f"g{n}": [x for x, w in zip(ACCOUNTS, where, strict=True) if w == n]
        for n in range(5)  # those at 5 are in no group
        if where.count(n) >= 2
    }
)


@settings(max_examples=50, deadline=None)
@given(st.lists(groups, min_size=2, max_size=4))
def test_ids_are_unique_and_the_history_is_whole(runs: list[Groups]) -> None:
    members = NOTHING
    for now in runs:
        before = members
        found, members = step(now, before)
        earlier = set(before["network_id"])
        assert found["network_id"].is_unique, "no id twice, so none inherited twice"
        for row in found.itertuples():
            assert set(row.parents) <= earlier
            assert (row.network_id in earlier) == (row.network_id in row.parents), "an id goes on only by inheritance"
            assert (row.change == "born") == (not row.parents)
            assert row.size == len(now[row.cluster_id])
            if row.network_id in earlier:
                assert row.size == row.size_before + row.joined - row.left


@settings(max_examples=50, deadline=None)
@given(groups, groups, st.randoms(use_true_random=False), st.permutations([f"z{i}" for i in range(5)]))
def test_order_and_the_names_of_clusters_change_nothing(before: Groups, now: Groups, random, names: list[str]) -> None:  # type: ignore[no-untyped-def]
    _, earlier = step(before, NOTHING)
    found, _ = step(now, earlier)
    renamed = dict(zip([f"g{i}" for i in range(5)], names, strict=True))
    rows = table({renamed[g]: m for g, m in now.items()}, "cluster_id")
    shuffled = rows.sample(frac=1, random_state=random.randrange(1000))
    again = identify(shuffled, earlier.sample(frac=1, random_state=random.randrange(1000)))
    expected = found.assign(cluster_id=found["cluster_id"].map(renamed)).sort_values("cluster_id", ignore_index=True)
    pd.testing.assert_frame_equal(again, expected, check_dtype=False)


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 28), st.randoms(use_true_random=False))
def test_splitting_then_merging_gives_the_id_back_to_the_larger_part(cut: int, random) -> None:  # type: ignore[no-untyped-def]
    names = random.sample(ACCOUNTS, 30)
    whole, parts = {"c": names}, {"c": names[:cut], "d": names[cut:]}
    first, members = step(whole, NOTHING)
    parted, members = step(parts, members)
    owner = parted.set_index("cluster_id")["network_id"]
    if cut != 15:
        assert owner["c" if cut > 15 else "d"] == first["network_id"][0]
    joined, _ = step(whole, members)
    assert joined["network_id"][0] == first["network_id"][0]
    assert joined["change"][0] == "merged"
    assert joined["parents"][0] == sorted(owner)


def make_run(folder: Path, networks: Groups, tag: int) -> Run:
    building = RunStore(folder).begin({"tag": tag})
    clusters = [{"account_id": x, "cluster_id": f"c{n}", "role": "core"} for n, xs in networks.items() for x in xs]
    rows = [
        {"network_id": n, "cluster_id": f"c{n}", "title": f"{n} at work", "size": len(xs)} for n, xs in networks.items()
    ]
    building.write("clusters", pa.Table.from_pylist(clusters, CLUSTERS.schema))
    building.write("networks", pa.Table.from_pylist(rows, NETWORKS.schema))
    return building.finish(None, {})


@settings(max_examples=10, deadline=None)
@given(before=groups, now=groups)
def test_dissolved_are_the_earlier_ids_that_nothing_continues(tmp_path_factory, before: Groups, now: Groups) -> None:  # type: ignore[no-untyped-def]
    run = make_run(tmp_path_factory.mktemp("runs"), before, 0)
    found, _ = step(now, members_of(run))
    rows = lineage(found, run).to_pylist()
    dissolved = {row["network_id"] for row in rows if row["change"] == "dissolved"}
    continued = {parent for row in rows for parent in row["parents"]}
    assert dissolved | continued == set(before)
    assert dissolved & continued == set()
    assert [row["network_id"] for row in rows] == sorted({*found["network_id"], *dissolved})


def test_a_dissolved_network_leads_to_its_last_members(tmp_path: Path) -> None:
    run = make_run(tmp_path, {"X": a(1, 2, 3), "Y": a(4, 5)}, 0)
    found, _ = step({"c": a(1, 2, 3)}, members_of(run))
    row = next(row for row in lineage(found, run).to_pylist() if row["change"] == "dissolved")
    assert (row["network_id"], row["size"], row["size_before"], row["left"]) == ("Y", 0, 2, 2)
    assert (row["last_run_id"], row["title"]) == (run.run_id, "Y at work")
    last = members_of(RunStore(tmp_path).get(row["last_run_id"]))
    assert sorted(last.loc[last["network_id"] == "Y", "account_id"]) == a(4, 5)


def test_when_nothing_is_found_everything_earlier_is_dissolved(tmp_path: Path) -> None:
    run = make_run(tmp_path, {"X": a(1, 2, 3)}, 0)
    found, _ = step({}, members_of(run))
    assert lineage(found, run)["change"].to_pylist() == ["dissolved"]
    empty, _ = step({}, NOTHING)
    assert lineage(empty, None).schema == RUN_TABLES["lineage"].schema
