"""What is kept: members whose pairs are weak join in, strangers do not, chance clusters go."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graph import coaction, communities, faint, selection, significance
from graph.model import ACCOUNTS, DAY, SECOND

CONFIG = coaction.CoactionConfig()


def world(seed: int, *, share: float, targets: int = 14, size: int = 20) -> pa.Table:
    """2,000 people on 1,500 notes for ten days; `size` bots (b...) take part in `share` of `targets` of these notes."""
    random = np.random.default_rng(seed)
    born = random.uniform(0, 9 * DAY, 1500)
    note = random.choice(1500, 20_000, p=(w := random.pareto(1.2, 1500) + 0.1) / w.sum())
    activity = random.lognormal(0, 1, 2000)
    who = [f"a{i:04}" for i in random.choice(2000, 20_000, p=activity / activity.sum())]
    at = born[note] + random.exponential(4 * 3600 * SECOND, 20_000)
    for target in random.choice(1500, targets if size else 0, replace=False):
        call = born[target] + random.exponential(3600 * SECOND)
        for bot in range(size):
            if random.random() < share:
                who.append(f"b{bot:02}")
                note = np.append(note, target)
                at = np.append(at, call + random.uniform(0, 40) * SECOND)
    return pa.table(
        {
            "event_id": [f"e{i}" for i in range(len(who))],
            "account_id": who,
            "channel": ["like"] * len(who),
            "object_id": [f"note:{n}" for n in note],
            "at": at.astype(np.int64),
        }
    )


def select(actions: pa.Table) -> tuple[selection.Selected, significance.Tested, np.ndarray]:
    connection = duckdb.connect()
    connection.register("actions", actions)
    connection.register("accounts", ACCOUNTS.schema.empty_table())
    coaction.prepare(connection, 0, 1 << 62)
    found = coaction.count(connection, CONFIG)
    tested = significance.test(found, 0.01)
    kept = selection.select(
        connection, tested, found.pairs_tested, CONFIG, communities.ClusterConfig(), fdr=0.01, alpha=0.05, seed=1
    )
    return kept, tested, coaction.account_names(connection)


@pytest.mark.parametrize("seed", [31, 32])
def test_members_of_which_no_pair_tells_join_and_nobody_else(seed: int) -> None:
    kept, tested, names = select(world(seed, share=0.6, targets=16))
    members = set(names[kept.members["account"]])
    assert {m for m in members if m.startswith("a")} == set()
    assert len(members) >= 17
    alone = tested.pairs[tested.pairs["q_value"] <= 0.01]
    linked = {names[i] for i in np.union1d(alone["a"], alone["z"])}
    assert len(kept.pairs) > len(alone)  # pairs of a kept cluster are a family of their own
    assert len(members) >= len(linked)
    assert kept.members["cluster"].nunique() == 1
    assert (kept.members["stability"] > 0).all()


def with_fans(actions: pa.Table, seed: int, *, keen: int = 5, others: int = 150, posts: int = 20) -> pa.Table:
    """The same and a fan campaign: called to each post, most come at its peak, and a few keen ones are always there."""
    random = np.random.default_rng([seed, 1])
    rows = []
    for post in range(posts):
        call = (post % 9) * DAY + random.uniform(0, DAY)
        rows += [(f"k{fan}", post, call + random.uniform(100, 130) * SECOND) for fan in range(keen)]
        there = np.flatnonzero(random.random(others) < 0.5)
        rows += [(f"f{fan:03}", post, call + random.gamma(2, 150) * SECOND) for fan in there]
    who, post, at = zip(*rows, strict=True)
    crowd = {
        "event_id": [f"f{i}" for i in range(len(who))],
        "account_id": who,
        "channel": ["like"] * len(who),
        "object_id": [f"post:{i}" for i in post],
        "at": np.array(at).astype(np.int64),
    }
    return pa.concat_tables([actions, pa.table(crowd)])


@pytest.mark.parametrize("seed", [51, 52])
def test_a_crowd_does_not_join_its_keenest_few(seed: int) -> None:
    kept, *_, names = select(with_fans(world(seed, share=0.6, targets=16), seed))
    kinds = [name[0] for name in names[kept.members["account"]]]
    assert set(kinds) <= {"b", "k", "f"}
    assert kinds.count("f") <= 5  # of 150, of whom 60 to 107 would join
    assert kinds.count("b") >= 17


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_nothing_is_kept_where_nothing_is_coordinated(seed: int) -> None:
    kept, *_ = select(world(seed, share=0.0, size=0))
    assert kept.members.empty
    assert len(kept.pairs) <= 1


def test_edges_are_sorted_and_no_edge_of_the_whole_test_is_lost() -> None:
    kept, tested, _ = select(world(33, share=0.7))
    alone = tested.pairs[tested.pairs["q_value"] <= 0.01]
    both = kept.pairs.merge(alone[["a", "z"]], on=["a", "z"])
    assert len(both) == len(alone)
    assert kept.pairs[["a", "z"]].apply(tuple, axis=1).is_monotonic_increasing
    assert (kept.pairs["q_value"] <= 0.01).all()


def test_no_actions_at_all() -> None:
    kept, *_ = select(world(1, share=0.0, size=0).slice(0, 0))
    assert (len(kept.pairs), len(kept.members), len(kept.chance)) == (0, 0, 0)
    assert isinstance(kept.pairs, pd.DataFrame)


def test_a_squad_without_a_telling_pair_is_found_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members take part in half of twelve targets: nothing pair by pair, and no chance as a group."""
    actions = world(33, share=0.45, targets=12)
    kept, _, names = select(actions)
    members = set(names[kept.members["account"]])
    assert len(members) >= 8
    assert {m for m in members if m.startswith("a")} == set()
    assert len(kept.pairs) >= len(members) - 1
    assert kept.members["cluster"].isin(kept.chance.index).all()
    assert kept.members["stability"].between(0.01, 1).all()
    monkeypatch.setattr(faint, "MOST", 0.0)  # what pairs alone show
    alone, _, _ = select(actions)
    assert alone.members.empty
