"""Small event logs, and whole graphs read back from Neo4j to compare."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from graph.files import digest_of
from graph.log import Batch, EventLog
from graph.model import CLUSTERS, EDGES, KINDS, LOG_TABLES, MEASURES, NETWORKS, SCORES
from graph.runs import Run, RunStore
from graph.store import GraphStore

T0 = 1_788_000_000_000_000


def append(log: EventLog, **tables: list[dict[str, Any]]) -> Batch:
    """Append one batch; columns left out are null."""
    staging = log.stage(digest_of(tables)[:16])
    for name, rows in tables.items():
        pq.write_table(pa.Table.from_pylist(rows, schema=LOG_TABLES[name].schema), staging / f"{name}.parquet")
    return log.commit(staging, {"source": "test"})


def random_batch(seed: int, size: int = 40) -> dict[str, list[dict[str, Any]]]:
    """Rows of every table; few ids, so that batches meet on the same accounts and objects."""
    rng = random.Random(seed)
    if seed % 4 == 3:  # a source that knows objects alone
        return {
            "actions": [
                {
                    "event_id": f"x{seed}-{i}",
                    "account_id": f"a{rng.randrange(9)}",
                    "channel": rng.choice(["share", "like"]),
                    "object_id": f"o{rng.randrange(6)}",
                    "at": T0 + rng.randrange(10**9),
                }
                for i in range(size)
            ]
        }
    rows, actions = [], []
    for i in range(size):
        kind = rng.choice(KINDS)
        row = {
            "event_id": f"e{seed}-{i}",
            "account_id": f"a{rng.randrange(9)}",
            "kind": kind,
            "at": T0 + rng.randrange(10**9),
            "target_id": None
            if kind == "note"
            else f"{'a' if kind in ('message', 'follow') else 'n'}{rng.randrange(9)}",
            "content_id": f"n{rng.randrange(9)}" if kind == "note" else None,
            "client": rng.choice([None, "web", "phone"]),
            "device_id": rng.choice([None, "d1", "d2"]),
        }
        rows.append(row)
        for channel in ("url", "hashtag", "template"):
            if rng.random() < 0.3:
                action = {key: row[key] for key in ("event_id", "account_id", "at", "content_id")}
                actions.append({**action, "channel": channel, "object_id": f"{channel}:{channel[0]}{rng.randrange(5)}"})
    accounts = [
        {
            "account_id": f"a{i}",
            "registered_at": rng.choice([None, T0 - i]),
            "registration_client": rng.choice([None, "web", "tool"]),
            "device_id": rng.choice([None, "d1", "d3"]),
            "verified_role": rng.choice([None, "brand"]),
        }
        for i in rng.sample(range(12), 5)
    ]
    return {"interactions": rows, "actions": actions, "accounts": accounts}


def snapshot(store: GraphStore) -> dict[str, list[str]]:
    """Everything the database holds, apart from internal ids and the running number of the view."""
    nodes = store.driver.execute_query("MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties").records
    relations = store.driver.execute_query(
        "MATCH (a)-[r]->(b) RETURN properties(a) AS a, type(r) AS type, properties(r) AS properties, "
        "labels(b) AS label, properties(b) AS b"
    ).records
    return {
        "nodes": sorted(repr((n["labels"], _plain(n["properties"]))) for n in nodes),
        "relations": sorted(
            repr((r["type"], _plain(r["a"]), _plain(r["properties"]), r["label"], _plain(r["b"]))) for r in relations
        ),
    }


def _plain(properties: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted((key, value) for key, value in properties.items() if key not in ("view", "number"))


def expected_likes(log: EventLog) -> Counter[tuple[str, str]]:
    """How often each account liked each note, counted row by row."""
    counts: Counter[tuple[str, str]] = Counter()
    for file in log.files("interactions"):
        for row in pq.read_table(file, columns=["account_id", "kind", "target_id"]).to_pylist():
            if row["kind"] == "like":
                counts[row["account_id"], row["target_id"]] += 1
    return counts


def make_run(folder: Path, accounts: int, tag: str) -> Run:
    """A run over accounts a0, a1, ...: a ring of edges, clusters of ten."""
    ids = sorted(f"a{i}" for i in range(accounts))
    edges, clusters, networks = [], [], []
    for i in range(accounts):
        a, b = sorted((f"a{i}", f"a{(i + 1) % accounts}"))
        base = {"account_a": a, "account_b": b, "co_actions": 9, "objects": 7, "first_at": T0, "last_at": T0 + 1}
        edges += [{**base, "channel": "all"}, {**base, "channel": "like", "objects": 3}, {**base, "channel": "share"}]
    for i in range(0, accounts, 10):
        clusters += [{"account_id": f"a{j}", "cluster_id": f"a{i}", "role": "core"} for j in range(i, i + 10)]
        networks.append(
            {
                "network_id": f"{tag}-{i}",
                "cluster_id": f"a{i}",
                "size": 10,
                "title": tag,
                "channels": ["like"],
                "first_at": T0,
                "last_at": T0 + 1,
            }
        )
    tables = {
        "edges": pa.Table.from_pylist(edges, EDGES.schema),
        "clusters": pa.Table.from_pylist(clusters, CLUSTERS.schema),
        "networks": pa.Table.from_pylist(networks, NETWORKS.schema),
        "scores": pa.table(
            {
                "account_id": ids,
                "target": ["coordinated"] * accounts,
                "score": [0.5] * accounts,
                "baseline": [0.4] * accounts,
            }
        ),
        "measures": pa.Table.from_pylist(
            [{"account_id": i, "degree": 2, "component": "a0"} for i in ids], MEASURES.schema
        ),
    }
    assert tables["scores"].column_names == SCORES.columns
    runs = RunStore(folder / "runs")
    building = runs.begin({"tag": tag})
    for name, table in tables.items():
        building.write(name, table)
    return building.finish(None, {})
