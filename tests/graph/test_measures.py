"""GDS measures against networkx, and their independence of everything but edges and seed."""

from __future__ import annotations

import random

import networkx as nx
import pyarrow as pa
import pytest

from graph import measures
from graph.measures import measure
from graph.model import EDGES, MEASURES
from graph.store import GraphStore


def communities(seed: int, groups: int = 12, size: int = 14) -> pa.Table:
    """Noisy planted communities: enough ambiguity that Leiden's result depends on the order of nodes."""
    rng = random.Random(seed)
    n, pairs = groups * size, {}
    for i in range(n):
        for _ in range(5):
            j = (i // size) * size + rng.randrange(size) if rng.random() < 0.6 else rng.randrange(n)
            if i != j:
                pairs[tuple(sorted((f"u{i:03}", f"u{j:03}")))] = rng.randrange(1, 20)
    rows = []
    for (a, b), objects in pairs.items():
        row = {
            "account_a": a,
            "account_b": b,
            "co_actions": objects + 1,
            "objects": objects,
            "first_at": 0,
            "last_at": 1,
        }
        rows += [{**row, "channel": "all"}, {**row, "channel": "like", "objects": 1}]
    rows.append({**rows[0], "account_a": "lone1", "account_b": "lone2"})
    return pa.Table.from_pylist(rows, EDGES.schema)


def drawn(edges: pa.Table) -> nx.Graph:
    graph = nx.Graph()
    for row in edges.to_pylist():
        if row["channel"] == "all":
            graph.add_edge(row["account_a"], row["account_b"], weight=row["objects"])
    return graph


def test_against_networkx(store: GraphStore) -> None:
    edges = communities(1)
    graph = drawn(edges)
    rows = {row["account_id"]: row for row in measure(store, edges, 3).to_pylist()}
    assert set(rows) == set(graph)
    for members in nx.connected_components(graph):
        assert {rows[m]["component"] for m in members} == {min(members)}
    assert {a: row["degree"] for a, row in rows.items()} == dict(graph.degree())
    between = nx.betweenness_centrality(graph, normalized=False)
    assert {a: row["betweenness"] for a, row in rows.items()} == pytest.approx(between, rel=1e-4, abs=1e-6)
    ranks = nx.pagerank(graph, alpha=0.85, max_iter=200, tol=1e-12)
    mine = {a: row["pagerank"] for a, row in rows.items() if not a.startswith("lone")}
    total = sum(mine.values()) / sum(ranks[a] for a in mine)  # GDS does not scale PageRank to one
    assert mine == pytest.approx({a: ranks[a] * total for a in mine}, rel=1e-4)
    groups: dict[str, set[str]] = {}
    for account, row in rows.items():
        groups.setdefault(row["coarse_community"], set()).add(account)
    assert all(name == min(members) for name, members in groups.items())
    mine_q = nx.community.modularity(graph, groups.values())
    louvain_q = nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=1))
    assert mine_q > louvain_q - 0.02


def test_equal_whatever_the_database_went_through(store: GraphStore) -> None:
    """Other accounts, holes in the id space, shuffled rows, what a crash left: the same table."""
    edges = communities(2)
    first = measure(store, edges, 3)
    names = sorted({*edges["account_a"].to_pylist(), *edges["account_b"].to_pylist()})
    random.Random(1).shuffle(names)
    driver = store.driver
    driver.execute_query("UNWIND range(0, 999) AS i CREATE (:Account {accountId: 'other' + i})")
    driver.execute_query("UNWIND $names AS name CREATE (:Account {accountId: name})", names=names)
    driver.execute_query("MATCH (a:Account) WHERE a.accountId ENDS WITH '3' DETACH DELETE a")
    driver.execute_query("CREATE (:DraftEdges {part: 0, sources: [0, 5], targets: [1, 0], weights: [9.0, 9.0]})")
    driver.execute_query("MATCH (d:DraftEdges) RETURN gds.graph.project($name, 7, 8)", name=measures.NAME)
    rows = list(range(edges.num_rows))
    random.Random(2).shuffle(rows)
    assert measure(store, edges.take(rows), 3) == first
    assert "DraftEdges" not in store.counts()
    assert "COORDINATED_WITH" not in store.counts()
    left = driver.execute_query("CALL gds.graph.list() YIELD graphName RETURN graphName").records
    assert left == []


def test_the_seed_is_leidens(store: GraphStore) -> None:
    edges = communities(3, groups=100, size=6)
    # edges of equal weight leave Leiden choices; at its default theta the seed decides nothing else
    ones = pa.array([1] * edges.num_rows, pa.int64())
    edges = edges.set_column(edges.column_names.index("objects"), EDGES.schema.field("objects"), ones)
    tables = [measure(store, edges, seed) for seed in range(3)]
    assert any(table["coarse_community"] != tables[0]["coarse_community"] for table in tables[1:])
    assert all(table["pagerank"] == tables[0]["pagerank"] for table in tables)


def test_sampled_betweenness_is_seeded_and_near(store: GraphStore, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = communities(4, groups=24)
    exact = measure(store, edges, 1)
    monkeypatch.setattr(measures, "EXACT_WORK", 150 * len(drawn(edges).edges))
    sampled = measure(store, edges, 1)
    assert sampled == measure(store, edges, 1)
    assert sampled["betweenness"] != exact["betweenness"]
    total, estimate = (sum(table["betweenness"].to_pylist()) for table in (exact, sampled))
    assert estimate == pytest.approx(total, rel=0.25)


def test_no_edges_asks_nothing() -> None:
    table = measure(None, EDGES.schema.empty_table(), 1)  # type: ignore[arg-type]
    assert table.num_rows == 0
    assert table.schema == MEASURES.schema
