"""The current run as people see it in Neo4j: networks, clusters, coordination edges, scores, measures.

Neo4j isolates readers by "read committed" alone: while a large transaction commits, a query meets part of
it. So a run is shown in three steps. The new view is written beside the old one, under a number of its
own; then one number, on the node (:View), points readers to it; then, when every query that began before
has ended, the old view goes. A query that starts from (:View) sees one run, whole. Any other query sees
one run too, except in the moments between the first step and the last, when it sees both.
"""

from __future__ import annotations

from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.console import Advance, progress
from graph.errors import ConflictError
from graph.explain_edges import sentences
from graph.reborn import told
from graph.runs import Run
from graph.statements import cypher

if TYPE_CHECKING:
    from neo4j import Driver, Record, Session, Transaction

BATCH = 5_000
PATIENCE_S = 15.0
VERDICTS = pa.schema([("account_id", pa.string()), ("tier", pa.string()), ("version", pa.int64())])

_R = "relationships"
Step = tuple[str, pa.Table, str]  # statement, rows, and what is counted to see that each row found its place


def show(driver: Driver, run: Run) -> None:
    """Point readers to `run` instead of the run shown so far.

    Raises:
        ConflictError: accounts of the run are not in the database; the old view stays.
    """
    steps, facts = _steps(run), _facts(run)
    total = sum(table.num_rows for _, table, _ in [*steps, *facts])
    with progress(f"Showing run {run.run_id} in Neo4j", total) as advance, driver.session() as session:
        shown = _current(driver)
        old = shown["view"] if shown else 0
        _drop_all_but(session, old)  # what a crash between the steps below left
        with session.begin_transaction() as transaction:
            about = {"id": run.run_id, "created_at": run.manifest["created_at"], "parent": run.manifest["parent"]}
            transaction.run(cypher("show_run"), view=old + 1, **about).consume()
            for step in steps:
                _write(transaction, step, old + 1, advance)
            transaction.commit()
        with session.begin_transaction() as transaction:
            transaction.run(cypher("point_to_view"), view=old + 1).consume()
            transaction.run(cypher("clear_accounts")).consume()
            for step in facts:
                _write(transaction, step, old + 1, advance)
            transaction.commit()
        _let_readers_end(session)
        _drop_all_but(session, old + 1)


def show_verdicts(driver: Driver, table: pa.Table) -> None:
    """Project verdicts (columns account_id, tier, version) onto accounts; an older version changes nothing."""
    for batch in table.select(VERDICTS.names).cast(VERDICTS).to_batches(max_chunksize=BATCH):
        driver.execute_query(cypher("show_verdicts"), rows=batch.to_pylist())


def shown(driver: Driver) -> str | None:
    """Id of the run that is shown."""
    record = _current(driver)
    return str(record["run_id"]) if record else None


def _current(driver: Driver) -> Record | None:
    records = driver.execute_query(cypher("current_view")).records
    return records[0] if records else None


def _write(transaction: Transaction, step: Step, view: int, advance: Advance) -> None:
    """Run a step's statement over its rows; every row must find its place."""
    name, table, made = step
    for batch in table.to_batches(max_chunksize=BATCH):
        result = transaction.run(cypher(name), rows=batch.to_pylist(), view=view)
        if made == "accounts":
            found = result.single(strict=True)["accounts"]
        else:
            found = getattr(result.consume().counters, f"{made}_created")
        if found != batch.num_rows:
            raise ConflictError(
                f"{batch.num_rows - found} rows of the run ({name}) name accounts that Neo4j does not hold; load the "
                "event log first (`shoal load`)"
            )
        advance(batch.num_rows)


def _let_readers_end(session: Session) -> None:
    """Wait until the queries that may be reading the old view have ended; not for ever."""
    began, deadline = _running(session), monotonic() + PATIENCE_S
    while began & _running(session) and monotonic() < deadline:
        sleep(0.1)


def _running(session: Session) -> set[str]:
    return {record["id"] for record in session.run(cypher("running"))}


def _drop_all_but(session: Session, view: int) -> None:
    with session.begin_transaction() as transaction:
        for name in ("drop_view_edges", "drop_view_nodes"):
            transaction.run(cypher(name), view=view).consume()
        transaction.commit()


def _steps(run: Run) -> list[Step]:
    """What makes up the view, in the order in which it can be written."""
    clusters, networks, history = run.table("clusters"), run.table("networks"), run.table_or_empty("lineage")
    sizes = clusters.group_by("cluster_id").aggregate([([], "count_all")]).sort_by("cluster_id")
    return [
        ("show_networks", _beside(networks, history, "network_id", ["parents"]), "nodes"),
        ("show_dissolved", history.filter(pc.equal(history["change"], "dissolved")), "nodes"),
        ("show_clusters", sizes.rename_columns(["cluster_id", "size"]), "nodes"),
        ("show_cluster_networks", networks.select(["cluster_id", "network_id"]), _R),
        (
            "show_members",
            _beside(clusters, run.table_or_empty("leads"), "account_id", ["lead_share", "median_lag"]),
            _R,
        ),
        ("show_reborn", _reborn(run), _R),
        ("show_edges", _edges(run), _R),
    ]


def _beside(table: pa.Table, more: pa.Table, key: str, columns: list[str]) -> pa.Table:
    """A table with columns of another; null where that has no row."""
    place = pc.index_in(table[key], more[key].combine_chunks())
    for name in columns:
        table = table.append_column(name, pc.take(more[name], place))
    return table


def _reborn(run: Run) -> pa.Table:
    rows = run.table_or_empty("reborn")
    return rows.append_column("sentence", pa.array([told(row) for row in rows.to_pylist()], pa.string()))


def _facts(run: Run) -> list[Step]:
    """What the run says of accounts: properties of nodes that stay."""
    return [(f"show_{name}", run.table(name), "accounts") for name in ("scores", "measures") if run.has(name)]


def _edges(run: Run) -> pa.Table:
    """One row a pair: that of channel `all`, with lists of its channels and of the objects on each, and a sentence."""
    edges = run.table("edges")
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
    return pairs.append_column("sentence", sentences(run, pairs, single)).drop_columns(["rank", "channel"])
