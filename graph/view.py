"""The current run as people see it in Neo4j: networks, clusters, coordination edges, scores, measures.

The old view goes and the new one comes in one transaction. Neo4j itself shows a reader only what is
committed; it does not freeze what a long query has yet to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.console import progress
from graph.errors import ConflictError
from graph.runs import Run
from graph.statements import cypher

if TYPE_CHECKING:
    from neo4j import Driver, Transaction

BATCH = 5_000
VERDICTS = pa.schema([("account_id", pa.string()), ("tier", pa.string()), ("version", pa.int64())])

Maps = list[dict[str, Any]]


def show(driver: Driver, run: Run) -> None:
    """Replace whatever run the database shows by `run`.

    Raises:
        ConflictError: accounts of the run are not in the database; the old view stays.
    """
    steps = _steps(run)
    rows = sum(table.num_rows for _, table, _ in steps)
    with (
        progress(f"Showing run {run.run_id} in Neo4j", rows) as advance,
        driver.session() as session,
        session.begin_transaction() as transaction,
    ):
        for name in ("unshow_edges", "unshow_nodes", "unshow_properties"):
            transaction.run(cypher(name)).consume()
        manifest = run.manifest
        transaction.run(
            cypher("show_run"), id=run.run_id, created_at=manifest["created_at"], parent=manifest["parent"]
        ).consume()
        for name, table, made in steps:
            for batch in table.to_batches(max_chunksize=BATCH):
                found = _write(transaction, name, batch.to_pylist(), run.run_id, made)
                if found != batch.num_rows:
                    raise ConflictError(
                        f"run {run.run_id}: {batch.num_rows - found} rows for {name} name accounts that Neo4j does not "
                        "hold; load the event log first (`shoal load`)"
                    )
                advance(batch.num_rows)
        transaction.commit()


def show_verdicts(driver: Driver, table: pa.Table) -> None:
    """Project verdicts (columns account_id, tier, version) onto accounts; an older version changes nothing."""
    for batch in table.select(VERDICTS.names).cast(VERDICTS).to_batches(max_chunksize=BATCH):
        driver.execute_query(cypher("show_verdicts"), rows=batch.to_pylist())


def shown(driver: Driver) -> str | None:
    """Id of the run that is shown."""
    records = driver.execute_query(cypher("shown_run")).records
    return str(records[0]["run_id"]) if records else None


def _write(transaction: Transaction, name: str, rows: Maps, run_id: str, made: str) -> int:
    """Run a statement over rows; return how many of them it found a place for."""
    result = transaction.run(cypher(name), rows=rows, run=run_id)
    if made == "accounts":
        return int(result.single(strict=True)["accounts"])
    counters = result.consume().counters
    return int(counters.nodes_created if made == "nodes" else counters.relationships_created)


def _steps(run: Run) -> list[tuple[str, pa.Table, str]]:
    """Statement, rows and what is counted, in the order in which they can be written."""
    clusters, networks = run.table("clusters"), run.table("networks")
    sizes = clusters.group_by("cluster_id").aggregate([([], "count_all")]).sort_by("cluster_id")
    steps = [
        ("show_networks", networks, "nodes"),
        ("show_clusters", sizes.rename_columns(["cluster_id", "size"]), "nodes"),
        ("show_cluster_networks", networks.select(["cluster_id", "network_id"]), "relationships"),
        ("show_members", clusters, "relationships"),
        ("show_edges", _edges(run.table("edges")), "relationships"),
    ]
    steps += [(f"show_{name}", run.table(name), "accounts") for name in ("scores", "measures") if run.has(name)]
    return steps


def _edges(edges: pa.Table) -> pa.Table:
    """One row a pair: that of channel `all`, with lists of its channels and of the objects on each."""
    rank = pc.if_else(pc.equal(edges["channel"], "all"), 0, 1)
    order = ("account_a", "account_b", "rank", "objects", "channel")
    ordered = edges.append_column("rank", rank).sort_by(
        [(column, "descending" if column == "objects" else "ascending") for column in order]
    )
    is_all = np.asarray(ordered["rank"]) == 0
    starts = np.flatnonzero(is_all)
    # without the rows of `all`, the channels of a pair begin as many rows earlier as pairs came before it
    offsets = pa.array(np.append(starts - np.arange(len(starts)), np.count_nonzero(~is_all)), pa.int32())
    pairs, single = ordered.filter(is_all), ordered.filter(~is_all).combine_chunks()
    for name, column in (("channels", "channel"), ("channel_objects", "objects")):
        values = single[column].combine_chunks()
        pairs = pairs.append_column(name, pa.ListArray.from_arrays(offsets, values))
    return pairs.drop_columns(["rank", "channel"])
