"""Forgetting in Neo4j: the graph becomes what loading the log anew would make of it.

An account's node, relationships and the objects that only it touched go; where others acted on it, a node with its
pseudonym stays. One transaction an account, so a call that is killed is called again. Where events from before a time
go, every count may change, and the graph is built anew; so it is where relationships were left out because they were
too many (graph.deeds), since with one account less they may be few enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph.console import progress
from graph.forgetting import Wish, accounts_left
from graph.statements import cypher

if TYPE_CHECKING:
    from graph.store import GraphStore
    from graph.workspace import Workspace


def forget_in_view(store: GraphStore, workspace: Workspace, wish: Wish) -> None:
    """Take it out of Neo4j. Log and runs have forgotten it already; the current run is shown anew."""
    if wish.before is not None or store.driver.execute_query(cypher("has_left_out")).records[0]["found"]:
        store.wipe()
        store.prepare()
        store.load(workspace.log)
    else:
        store.prepare()
        with progress("Forgetting in Neo4j", len(wish.accounts)) as advance, store.driver.session() as session:
            for name, stand_in in wish.names.items():
                with session.begin_transaction() as transaction:
                    transaction.run(cypher("forget_objects"), id=name).consume()
                    ends = [r["name"] for r in transaction.run(cypher("forget_targets"), id=name) if r["name"] != name]
                    lonely = sorted({*ends} - accounts_left(workspace.log, ends)) if ends else []
                    transaction.run(cypher("forget_lonely"), names=[*lonely, name]).consume()
                    transaction.run(cypher("forget_name"), id=name, stand_in=stand_in).consume()
                    transaction.commit()
                advance(1)
    run = workspace.runs.current_or_none()
    if run is not None:
        store.show_run(run)
