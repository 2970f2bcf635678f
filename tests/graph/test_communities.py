"""Clusters: known answers, what must hold of any graph, and what changes nothing."""

from __future__ import annotations

from itertools import combinations

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graph import communities
from graph.communities import ClusterConfig

QUICK = ClusterConfig(seeds=1)
Edges = list[tuple[int, int]]


def clique(first: int, size: int) -> Edges:
    return list(combinations(range(first, first + size), 2))


def found(edges: Edges, config: ClusterConfig = QUICK, seed: int = 1, **given: object) -> list[set[int]]:
    """Members of each cluster, in order of the smallest."""
    a, z = np.array(edges, np.int64).reshape(-1, 2).T
    rows = communities.find(a, z, config, seed, **given)  # type: ignore[arg-type]
    assert (rows.groupby("cluster")["account"].min() == rows["cluster"].unique()).all()
    return [set(members) for _, members in rows.groupby("cluster")["account"]]


def test_no_edges_one_edge() -> None:
    assert found([]) == []
    assert found([(1, 2)]) == []
    assert found([(1, 2)], ClusterConfig(least_size=2)) == [{1, 2}]


def test_separate_cliques_are_clusters_and_a_star_is_none() -> None:
    star = [(100, 101 + i) for i in range(30)]
    assert found(clique(0, 5) + clique(20, 8) + star, ClusterConfig((0.7, 0.8), 3)) == [
        set(range(5)),
        set(range(20, 28)),
    ]


def test_two_cliques_joined_by_a_bridge_stay_two() -> None:
    assert found([*clique(0, 6), *clique(6, 6), (5, 6)]) == [set(range(6)), set(range(6, 12))]


def test_a_ring_of_cliques_stays_a_ring_where_modularity_merges_pairs() -> None:
    ring = [edge for i in range(60) for edge in [*clique(5 * i, 5), (5 * i, (5 * i + 9) % 300)]]
    cliques = [set(range(5 * i, 5 * i + 5)) for i in range(60)]
    assert found(ring) == cliques
    merged = nx.community.louvain_communities(nx.Graph(ring), seed=1)
    assert len(merged) < 60


@pytest.mark.parametrize(("resolution", "groups"), [(0.02, 1), (0.06, 2)])
def test_resolution_is_the_density_of_pairs_between_groups_from_which_they_are_one(
    resolution: float, groups: int
) -> None:
    """Two cliques of five, one of the 25 pairs between them an edge: together they gain 1 - 25 times the resolution."""
    assert len(found([*clique(0, 5), *clique(5, 5), (4, 5)], ClusterConfig((resolution,), 1))) == groups


def test_stability_is_one_where_all_agree_and_less_where_resolutions_differ() -> None:
    sure = communities.find(*np.array(clique(0, 6)).T, QUICK, 1)
    assert sure["stability"].tolist() == [1.0] * 6
    a, z = np.array([*clique(0, 5), *clique(5, 5), (4, 5)]).T
    torn = communities.find(a, z, ClusterConfig((0.02, 0.06), 1), 1)
    assert set(torn["stability"]) == {0.75}  # a half in its own partition, or the whole: Jaccard of 1 and of 5 in 10
    assert communities.find(a, z, ClusterConfig((0.02, 0.06), 1, least_stability=0.8), 1).empty


def test_heavy_edges_part_what_looks_one() -> None:
    """Two groups of five, every pair of the ten an edge; inside a group edges weigh five times as much."""
    edges = clique(0, 10)
    weight = np.array([5.0 if (a < 5) == (z < 5) else 1.0 for a, z in edges])
    a, z = np.array(edges).T
    assert communities.find(a, z, ClusterConfig((0.5,), 1), 1)["cluster"].nunique() == 1
    parted = communities.find(a, z, ClusterConfig((0.5,), 1), 1, weight=weight, alpha=None)
    assert len(parted) == 10
    by_weight = communities._partitions(communities._matrix(a, z, 10, weight), ClusterConfig((0.9,), 1), 1)[0]
    assert len(set(by_weight[:5])) == len(set(by_weight[5:])) == 1
    assert by_weight[0] != by_weight[9]


graphs = st.lists(
    st.tuples(st.integers(0, 25), st.integers(0, 25)).filter(lambda e: e[0] != e[1]), min_size=1, max_size=120
)


@settings(max_examples=60, deadline=None)
@given(graphs, st.integers(2, 5), st.booleans(), st.randoms(use_true_random=False))
def test_clusters_are_connected_disjoint_and_large_enough(edges: Edges, least: int, weighed: bool, random) -> None:
    config = ClusterConfig((0.1, 0.5), 2, least, 0.0)
    weight = np.array([random.randint(1, 5) for _ in edges], float) if weighed else None
    rows = communities.find(*np.array(edges).T, config, 1, weight=weight)
    graph = nx.Graph(edges)
    assert rows["account"].is_unique
    assert rows["account"].is_monotonic_increasing
    assert rows["stability"].between(0, 1).all()
    for cluster, members in rows.groupby("cluster")["account"]:
        assert len(members) >= least
        assert cluster == members.min()
        assert nx.is_connected(graph.subgraph(members))


@settings(max_examples=60, deadline=None)
@given(graphs, st.booleans(), st.booleans(), st.randoms(use_true_random=False))
def test_order_of_rows_of_ends_names_and_units_of_weight_change_nothing(
    edges: Edges, weighed: bool, tested: bool, random
) -> None:
    rows = [(a, z, random.choice([0.1, 0.7, 1.0, 3.3])) for a, z in edges]
    again = [(z, a, w) if random.random() < 0.5 else (a, z, w) for a, z, w in random.sample(rows, len(rows))]
    alpha = None if tested else 0.9

    def clusters(rows: list[tuple[int, int, float]], name: np.ndarray, unit: float) -> pd.DataFrame:
        a, z, w = (np.array(column) for column in zip(*rows, strict=True))
        weight = w * unit if weighed else None
        return communities.find(name[a], name[z], QUICK, 1, weight=weight, alpha=alpha)

    plain = clusters(rows, np.arange(26), 1.0)
    spread = np.sort(np.array(random.sample(range(10_000), 26)))
    other = clusters(again, spread, 2.0)
    pd.testing.assert_frame_equal(
        other, plain.assign(account=spread[plain["account"]], cluster=spread[plain["cluster"]]), check_exact=True
    )


def test_names_in_another_order_give_the_same_clear_groups() -> None:
    random = np.random.default_rng(3)
    edges = [e for i in range(12) for e in clique(7 * i, 7)] + [tuple(e) for e in random.integers(0, 84, (40, 2))]
    edges = [e for e in edges if e[0] != e[1]]
    name = random.permutation(84)
    renamed = [(int(name[a]), int(name[z])) for a, z in edges]
    groups = {frozenset(range(7 * i, 7 * i + 7)) for i in range(12)}
    assert set(map(frozenset, found(edges))) == groups
    assert set(map(frozenset, found(renamed))) == {frozenset(int(name[m]) for m in group) for group in groups}


def background(seed: int, accounts: int, edges: int, tail: float = 0.5) -> Edges:
    """Edges whose ends follow a heavy tail; some twice."""
    popularity = (np.arange(accounts) + 1.0) ** -tail
    ends = np.random.default_rng(seed).choice(accounts, (edges, 2), p=popularity / popularity.sum())
    return [(int(a), int(z)) for a, z in ends if a != z]


@pytest.mark.parametrize(
    ("accounts", "edges", "tail", "times"),
    [(30, 40, 0.5, 30), (200, 300, 0.5, 20), (100, 2000, 0.0, 8), (1500, 4000, 0.9, 4)],
)
def test_pure_background_has_no_cluster_at_the_level(accounts: int, edges: int, tail: float, times: int) -> None:
    plain, judged = 0, 0
    for seed in range(times):
        drawn = background(seed, accounts, edges, tail)
        weight = 1.0 + np.random.default_rng(seed).poisson(1.0, len(drawn))
        plain += len(found(drawn, weight=weight)) > 0
        judged += len(found(drawn, weight=weight, alpha=0.05)) > 0
    assert plain == times  # without the bound every such graph has clusters
    assert judged <= 0.05 * times + 2 * (0.05 * 0.95 * times) ** 0.5


def test_planted_groups_are_found_in_a_background_and_nothing_else() -> None:
    drawn = background(5, 3000, 12_000)
    random = np.random.default_rng(5)
    groups = np.split(random.permutation(3000)[:150], range(10, 150, 10))
    planted = [(int(a), int(z)) for g in groups for a, z in combinations(g, 2) if random.random() < 0.8]
    weight = np.r_[1.0 + random.poisson(1.0, len(drawn)), 1.0 + random.poisson(2.0, len(planted))]
    clusters = found(drawn + planted, weight=weight, alpha=0.05)
    best = [max(len(set(g) & c) / len(set(g) | c) for c in clusters) for g in groups]
    assert len(clusters) == len(groups)
    assert min(best) >= 0.7


def test_two_cliques_are_clusters_at_the_level_one_alone_or_a_triangle_beside_an_edge_is_none() -> None:
    assert found([*clique(0, 4), *clique(4, 4)], alpha=0.05) == [set(range(4)), set(range(4, 8))]
    assert found([*clique(0, 6), *clique(6, 6), (5, 6)], alpha=0.05) == [set(range(6)), set(range(6, 12))]
    assert found(clique(0, 8), alpha=0.05) == []
    assert found([*clique(0, 3), (7, 8)], alpha=0.05) == []


def test_a_pair_that_stands_there_twice_is_one_edge_without_weights() -> None:
    edges = [*clique(0, 5), *clique(10, 5), *clique(20, 5)]
    assert found(edges * 3, alpha=0.05) == found(edges, alpha=0.05)
    assert len(found(edges, alpha=0.05)) == 3
