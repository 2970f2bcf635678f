"""What changed since the run before, in a real Neo4j: parents, who leads, what is gone, what may be back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from graphkit import T0, make_run, snapshot

from graph.model import DAY, LEADS, LINEAGE, REBORN
from graph.runs import Run, RunStore
from graph.store import GraphStore


def with_history(folder: Path) -> Run:
    """Networks h-0 and h-10; gone-1 is dissolved, h-0 may be it again, and h-10 may be long-ago."""
    run = make_run(folder, 20, "h")
    building = RunStore(folder / "runs").derive(run, {"history": True})
    counts = {"size": 10, "size_before": 9, "joined": 2, "left": 1}
    gone = {"network_id": "gone-1", "change": "dissolved", "parents": [], "size": 0, "size_before": 7, "title": "was"}
    lineage = [
        {**gone, "joined": 0, "left": 7, "last_run_id": "run-before"},
        {"network_id": "h-0", "change": "merged", "parents": ["h-0", "h-5"], **counts},
        {"network_id": "h-10", "change": "grew", "parents": ["h-10"], **counts},
    ]
    shared = {"matched_by": ["device"], "p_value": 1e-5, "templates": 0, "devices": 3, "targets": 1}
    since = {"new_accounts": 9, "banned_accounts": 7, "banned_at": T0 - DAY}
    reborn = [
        {"network_id": "h-0", "banned_network_id": "gone-1", **shared, **since},
        {"network_id": "h-10", "banned_network_id": "long-ago", **shared, **since},
    ]
    leads = [{"account_id": "a1", "cluster_id": "a0", "co_actions": 4, "lead_share": 0.75, "median_lag": -5_000_000}]
    for table, rows in ((LINEAGE, lineage), (REBORN, reborn), (LEADS, leads)):
        building.write(table.name, pa.Table.from_pylist(rows, table.schema))
    return building.finish(None, {})


def read(store: GraphStore, query: str) -> list[dict[str, Any]]:
    return [record.data() for record in store.driver.execute_query(query).records]


def test_the_history_of_a_run_is_shown_and_goes_with_it(store: GraphStore, tmp_path: Path) -> None:
    store.driver.execute_query("UNWIND range(0, 19) AS i CREATE (:Account {accountId: 'a' + i})")
    plain = make_run(tmp_path / "plain", 20, "h")
    store.show_run(plain)
    before = snapshot(store)
    store.show_run(with_history(tmp_path))
    found = read(store, "MATCH (n:Network {networkId: 'h-0'}) RETURN n.parents AS parents, n.change AS change")
    assert found[0]["parents"] == ["h-0", "h-5"]
    gone = read(store, "MATCH (n:Network {change: 'dissolved'}) WHERE NOT (n)<-[:OF]-() RETURN properties(n) AS n")
    assert [(g["n"]["networkId"], g["n"]["sizeBefore"], g["n"]["lastRunId"]) for g in gone] == [
        ("gone-1", 7, "run-before")
    ]
    again = read(
        store,
        "MATCH (n:Network)-[r:REBORN_OF]->(b:Network) "
        "RETURN n.networkId AS n, b.networkId AS b, b.change AS change, r.sentence AS said ORDER BY n",
    )
    assert [(row["n"], row["b"], row["change"]) for row in again] == [
        ("h-0", "gone-1", "dissolved"),
        ("h-10", "long-ago", "banned"),
    ]
    assert "It may be network gone-1 again" in again[0]["said"]
    lead = read(store, "MATCH (a:Account)-[m:MEMBER_OF]->() WHERE m.leadShare IS NOT NULL RETURN a.accountId AS a, m")
    assert lead[0]["a"] == "a1"
    store.show_run(plain)
    assert snapshot(store) == before
