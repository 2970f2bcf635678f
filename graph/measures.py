"""Measures of the coordination graph, computed by Graph Data Science (GDS) inside Neo4j.

Equal edges and seed give equal tables, whatever else the database holds and in whatever order it was
filled. A native projection cannot promise that: it numbers nodes by Neo4j's internal ids, and Leiden
visits nodes by number, so that the same edges loaded in another order gave 34 communities instead of 32.
Here the edges are written as lists of numbers (a node each 10,000 edges, never a relationship anybody
could take for a result) and projected from there in sorted order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.console import progress
from graph.model import MEASURES
from graph.statements import cypher
from graph.store import GraphStore

if TYPE_CHECKING:
    from graphdatascience import GraphDataScience
    from graphdatascience.graph.graph_object import Graph
    from graphdatascience.query_runner.neo4j_query_runner import Neo4jQueryRunner

NAME = "shoal-measures"
PART = 10_000
EXACT_WORK = 1_000_000_000  # accounts times edges up to which betweenness is exact: some 30 s


def measure(store: GraphStore, edges: pa.Table, seed: int) -> pa.Table:
    """Components, modularity Leiden, PageRank and betweenness of the coordination graph.

    Edges count as undirected and weigh, for Leiden (Traag et al., Scientific Reports 2019) and PageRank,
    as many as they have joint objects. Betweenness (Brandes, 2001) ignores weights. Where accounts
    times edges exceed `EXACT_WORK` it is estimated from a seeded sample of sources and scaled up.

    Args:
        store: where GDS is.
        edges: graph.model.EDGES; the rows of channel `all` are used.
        seed: of Leiden and of betweenness's sample.

    Returns:
        graph.model.MEASURES, by account.
    """
    pairs = edges.filter(pc.equal(edges["channel"], "all")).sort_by(
        [("account_a", "ascending"), ("account_b", "ascending")]
    )
    if not pairs.num_rows:
        return MEASURES.schema.empty_table()
    accounts, a, b = _numbered(pairs)
    weights = np.asarray(pairs["objects"], dtype=np.float64)
    with progress("Measuring the coordination graph", 4) as advance, _projected(store, a, b, weights) as (gds, graph):
        options: dict[str, Any] = {"concurrency": 1}
        component = _column(gds.wcc.stream(graph, **options), "componentId", len(accounts))
        advance(1)
        coarse = _column(
            gds.leiden.stream(graph, random_seed=seed, relationship_weight_property="weight", **options),
            "communityId",
            len(accounts),
        )
        advance(1)
        # the default of 20 rounds stops at the third decimal
        converged: dict[str, Any] = {"max_iterations": 200, "tolerance": 1e-9}
        pagerank = _column(
            gds.page_rank.stream(graph, relationship_weight_property="weight", **converged, **options),
            "score",
            len(accounts),
        )
        advance(1)
        sample = min(len(accounts), max(100, EXACT_WORK // len(a)))
        if sample < len(accounts):
            options |= {"sampling_size": sample, "sampling_seed": seed}
        between = _column(gds.betweenness.stream(graph, **options), "score", len(accounts))
        advance(1)
    degree = np.bincount(np.concatenate([a, b]), minlength=len(accounts))
    columns = {
        "account_id": accounts,
        "component": accounts.take(pa.array(_smallest(component))),
        "coarse_community": accounts.take(pa.array(_smallest(coarse))),
        "degree": degree,
        "pagerank": np.round(pagerank, 6),
        "betweenness": _significant(between * (len(accounts) / sample)),
    }
    return MEASURES.check(pa.table(columns), "measures")


def _numbered(pairs: pa.Table) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Accounts in lexicographic order (of their UTF-8 bytes), and both ends of each edge as numbers."""
    ends = pa.chunked_array([*pairs["account_a"].chunks, *pairs["account_b"].chunks])
    accounts = ends.unique().sort()
    return accounts, *(np.asarray(pc.index_in(pairs[c], accounts), np.int64) for c in ("account_a", "account_b"))


@contextmanager
def _projected(
    store: GraphStore, a: np.ndarray, b: np.ndarray, weights: np.ndarray
) -> Iterator[tuple[GraphDataScience, Graph]]:
    """The edges as a graph in GDS, gone again at the end; also what a crash left is cleared away."""
    from graphdatascience import GraphDataScience

    gds = GraphDataScience(_impatient(store), arrow=False, show_progress=False)
    _clear(store, gds)
    try:
        for part, start in enumerate(range(0, len(a), PART)):
            stop = start + PART
            store.driver.execute_query(
                cypher("draft_edges"),
                part=part,
                sources=a[start:stop].tolist(),
                targets=b[start:stop].tolist(),
                weights=weights[start:stop].tolist(),
            )
        store.driver.execute_query(cypher("project_drafts"), graph=NAME)
        yield gds, gds.graph.get(NAME)
    finally:
        _clear(store, gds)


def _impatient(store: GraphStore) -> Neo4jQueryRunner:
    """A query runner for the client that fails at once when the server is gone; by itself it waits ten minutes."""
    from graphdatascience.query_runner.neo4j_query_runner import Neo4jQueryRunner

    class Impatient(Neo4jQueryRunner):
        def _verify_connectivity(self, database: str | None, retry_config: Any) -> None:  # noqa: ARG002 - theirs
            store.driver.verify_connectivity()  # raises the driver's own error, which GraphStore's `connect` explains

    return Impatient(store.driver, "bolt", auto_close=False, show_progress=False)


def _clear(store: GraphStore, gds: GraphDataScience) -> None:
    gds.graph.drop(NAME, fail_if_missing=False)
    with store.driver.session() as session:
        session.run(cypher("drop_drafts")).consume()


def _column(frame: Any, name: str, size: int) -> np.ndarray:
    """A streamed column in the order of accounts."""
    values = np.empty(size, frame[name].dtype)
    values[frame["nodeId"].to_numpy()] = frame[name].to_numpy()
    return values


def _smallest(groups: np.ndarray) -> np.ndarray:
    """For each element, the smallest element of its group."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    return np.asarray(first[group])


def _significant(values: np.ndarray, digits: int = 6) -> np.ndarray:
    """Rounded to that many significant digits."""
    return np.array([float(f"{value:.{digits}g}") for value in values.tolist()], dtype=np.float64)
