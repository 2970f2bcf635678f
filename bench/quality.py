"""What detection keeps where nothing is coordinated, and what it finds where something is (all synthetic, but --real).

    python bench/quality.py [--kinds without,heavy,hard,farms,table] [--seeds 1001-1030] [--out DIR] [--real FILE]

without   worlds with no coordination: how many keep any cluster at alpha = 0.05, and how many edges
heavy     200,000 rows, top object 12%: 20 squads of 20
hard      340,000 rows: hidden squads, breaking news, fan campaigns, one heavy tail
farms     500 accounts on 30 notes of their own, and 90 on 12
table     recall over size x targets x jitter x camouflage, one squad a world
real      with --real FILE (the format coortweet): accounts swapped among the actions of each hour

bench/worlds.py says what the worlds are like. Finished worlds are kept in --out and not done again.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import worlds
from scipy.stats import binomtest

from graph import coaction, selection, significance
from graph.detect import DetectConfig
from graph.model import ACCOUNTS

CONFIG = DetectConfig()
SIZES, TARGETS, JITTERS, CAMOUFLAGE = (6, 20, 60), (6, 12, 30), (20, 120, 600), (10, 60)
Make = Callable[[], worlds.World]


def measure(world: worlds.World) -> dict[str, Any]:
    """Detect, and compare with the truth."""
    began = time.process_time()
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("SET enable_progress_bar = false")
    connection.register("actions", world.actions())
    connection.register("accounts", ACCOUNTS.schema.empty_table())
    coaction.prepare(connection, 0, 1 << 62)
    found = coaction.count(connection, CONFIG.coaction)
    tested = significance.test(found, CONFIG.fdr)
    kept = selection.select(
        connection,
        tested,
        found.pairs_tested,
        CONFIG.coaction,
        CONFIG.cluster,
        fdr=CONFIG.fdr,
        alpha=CONFIG.alpha,
        seed=CONFIG.seed,
    )
    account = np.array([int(name[1:]) for name in coaction.account_names(connection)])
    connection.close()
    a, z = account[kept.pairs["a"]], account[kept.pairs["z"]]
    group = np.full(int(world.a.max()) + 1, -1)
    for number, members in enumerate(world.groups):
        group[members] = number
    among_fans = np.zeros(len(a), bool)
    for fans in world.fans:
        among_fans |= np.isin(a, fans) & np.isin(z, fans)
    right = (group[a] == group[z]) & (group[a] >= 0)
    clusters = [set(account[rows["account"]]) for _, rows in kept.members.groupby("cluster")]
    return {
        "rows": len(world.a),
        "edges": len(a),
        "edges_right": int(right.sum()),
        "edges_among_fans": int((among_fans & ~right).sum()),
        "pairs_planted": sum(len(g) * (len(g) - 1) // 2 for g in world.groups),
        "clusters": len(clusters),
        "clusters_of_fans": sum(any(len(c & set(f)) > len(c) / 2 for f in world.fans) for c in clusters),
        "members_planted": sum(len(g) for g in world.groups),
        "members_found": sum(len(set(g) & set().union(*clusters)) for g in world.groups),
        "jaccard": [
            round(max((len(set(g) & c) / len(set(g) | c) for c in clusters), default=0.0), 3) for g in world.groups
        ],
        "cpu_s": round(time.process_time() - began, 1),
    }


def jobs(kind: str, seeds: list[int], real: Path | None) -> Iterator[tuple[str, int, Make]]:
    """Name, seed and maker of each world of a kind."""
    for seed in seeds:
        if kind == "without":
            for name, make in worlds.WITHOUT.items():
                yield f"without: {name}", seed, lambda make=make, seed=seed: make(seed)
        elif kind == "heavy":
            yield "heavy", seed, lambda seed=seed: worlds.heavy(seed)
        elif kind == "hard":
            yield "hard", seed, lambda seed=seed: worlds.hard(seed)
        elif kind == "farms":
            for size, notes in ((500, 30), (90, 12)):
                yield f"farm: {size} on {notes}", seed, lambda s=size, n=notes, seed=seed: worlds.farm(seed, s, n)
        elif kind == "table":
            for case in np.ndindex(len(SIZES), len(TARGETS), len(JITTERS), len(CAMOUFLAGE)):
                size, targets = SIZES[case[0]], TARGETS[case[1]]
                jitter, camouflage = JITTERS[case[2]], CAMOUFLAGE[case[3]]
                name = f"table: {size},{targets},{jitter},{camouflage}"
                yield name, seed, lambda v=(size, targets, jitter, camouflage), seed=seed: one_squad(seed, *v)
        elif kind == "real" and real is not None:
            yield "real, swapped", seed, lambda seed=seed: swapped(real, seed)


def one_squad(seed: int, size: int, targets: int, jitter: int, camouflage: int) -> worlds.World:
    """Five squads of a kind among 5,000 people."""
    world, random = worlds.crowd(seed, accounts=5_000, rows=50_000, objects=5_000)
    for _ in range(5):
        worlds.squad(world, random, size=size, targets=targets, share=0.8, jitter=jitter, camouflage=camouflage)
    return world


def swapped(path: Path, seed: int) -> worlds.World:
    """Real actions whose accounts were swapped within each hour: all degrees stay, no pair acts together on purpose."""
    table = pq.read_table(path, columns=["object_id", "account_id", "timestamp_share"]).to_pandas()
    random = np.random.default_rng(seed)
    ts = (table["timestamp_share"] * worlds.SECOND).to_numpy(np.int64)
    a = pd.factorize(table["account_id"], sort=True)[0]
    order = np.lexsort([random.random(len(a)), ts // worlds.HOUR])  # random within the hour
    base = np.argsort(ts // worlds.HOUR, kind="stable")
    new = np.empty_like(a)
    new[base] = a[order]
    return worlds.World(new, pd.factorize(table["object_id"], sort=True)[0], ts)


def run(kinds: list[str], seeds: list[int], out: Path, real: Path | None) -> pd.DataFrame:
    """Do what is not done yet."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind in kinds:
        for name, seed, make in jobs(kind, seeds, real):
            file = out / f"{name}-{seed}.json".replace(" ", "_").replace(":", "")
            if not file.exists():
                file.write_text(json.dumps({"world": name, "seed": seed, **measure(make())}))
                print(file.read_text(), flush=True)
            rows.append(json.loads(file.read_text()))
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame) -> None:
    """Print the tables."""
    empty = rows[rows["world"].str.startswith(("without", "real"))]
    if len(empty):
        print("\nWithout coordination: data sets with any kept cluster, and kept edges a data set")
        for world, each in empty.groupby("world"):
            print(f"  {world:40} {(each['clusters'] > 0).sum():3} of {len(each):3}   {each['edges'].mean():.2f} edges")
        hits = int((empty["clusters"] > 0).sum())
        interval = binomtest(hits, len(empty)).proportion_ci(0.95)
        print(
            f"  all: {hits} of {len(empty)} ({hits / len(empty):.3f}, 95% interval {interval.low:.3f} to "
            f"{interval.high:.3f}; alpha {CONFIG.alpha}), {empty['edges'].mean():.2f} edges on average"
        )
    for world, each in rows[rows["world"].str.startswith(("heavy", "hard", "farm"))].groupby("world"):
        wrong = each["edges"] - each["edges_right"] - each["edges_among_fans"]
        overlaps = [j for worst in each["jaccard"] for j in worst]
        print(
            f"\n{world}, {len(each)} worlds: edge precision {1 - wrong.sum() / max(each['edges'].sum(), 1):.4f} "
            f"({wrong.sum()} wrong; {each['edges_among_fans'].sum()} among fans apart), pair recall "
            f"{each['edges_right'].sum() / each['pairs_planted'].sum():.3f}, accounts found "
            f"{each['members_found'].sum() / each['members_planted'].sum():.3f}, networks with Jaccard of 0.8 or more "
            f"{sum(j >= 0.8 for j in overlaps)} of {len(overlaps)}, clusters of fans {each['clusters_of_fans'].sum()}"
        )
    table = rows[rows["world"].str.startswith("table")]
    if len(table):
        case = table["world"].str.removeprefix("table: ").str.split(",", expand=True).astype(int)
        case.columns = ["size", "targets", "jitter_s", "camouflage"]
        both = pd.concat([case, table[["members_found", "members_planted"]]], axis=1)
        sums = both.groupby(list(case.columns)).sum()
        recall = (sums["members_found"] / sums["members_planted"]).unstack(["jitter_s", "camouflage"])
        print(
            "\nRecall of accounts over size and targets (rows), jitter in seconds and camouflage (columns)\n"
            f"{recall.round(2)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="without,heavy,hard,farms,table")
    parser.add_argument("--seeds", default="1001-1003")
    parser.add_argument("--out", type=Path, default=Path("bench-quality"))
    parser.add_argument("--real", type=Path)
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    seeds = list(range(int(first), int(last or first) + 1))
    kinds = given.kinds.split(",") + (["real"] if given.real else [])
    summary(run(kinds, seeds, given.out, given.real))


if __name__ == "__main__":
    main()
