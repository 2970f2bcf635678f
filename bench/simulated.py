"""What detection and policy do on simulated platforms with known answers: the figures of the README.

    python bench/simulated.py --seeds 243-258 --accounts 20000

For each seed: simulate, ingest, detect, publish, then ban and reverse, through HTTP and with simulated reviewers,
every network that carries platform facts. Prints one line a seed, then the pooled tables. Every figure is synthetic.
`--scores` trains the model as well (slower; a score can only lead to `watch`, so verdicts above it stay the same).
Finished seeds are kept in --out and not done again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from api.demo import ban, people, reverse
from api.publish import publish
from api.rules import load
from api.store import open_store, upgrade
from graph.background import spawn, stop
from graph.detect import DetectConfig, data_window, detect, run_key
from graph.errors import ShoalError
from graph.truth import compare, wilson
from graph.versions import versions
from graph.workspace import Workspace
from ingest.load import ingest
from ingest.readers import source_files
from ingest.simulate import simulate

ABOVE_WATCH = ("warn", "restrict", "ban")


def one(seed: int, accounts: int, folder: Path, scores: bool) -> dict[str, Any]:
    source, workspace, began = folder / "platform", Workspace(folder / "data"), time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    simulate(source, accounts, seed)
    for path in source_files(source):
        ingest(workspace, path)
    config = DetectConfig()
    building = workspace.runs.begin(run_key(workspace.log, data_window(workspace.log, None, None), config))
    at = time.monotonic()
    detect(building, workspace.log, config, None, lambda _n: None)
    detection_s = time.monotonic() - at
    if scores:
        from gnn.score import score_into

        score_into(building, workspace.log, config.seed)
    run = building.finish(None, versions())
    workspace.runs.make_current(run)
    found = compare(run, source / "truth")
    engine = open_store(workspace.root)
    upgrade(engine)
    publish(run, workspace.log, engine, policy=load(None), actor="bench")
    above = verdicts_above_watch(workspace, source / "truth")
    banned = bans(workspace, engine, run.table("networks").to_pandas(), found, source / "truth")
    engine.dispose()
    return {
        "seed": seed,
        "members": len(found.members),
        "right": int((found.members["class"] == "network").sum()),
        "wrong": found.members[found.members["class"] != "network"]["lookalike"]
        .fillna("other")
        .value_counts()
        .to_dict(),
        "networks": found.networks.assign(banned=found.networks["network"].isin(banned)).to_dict("records"),
        "above_watch": above,
        "edges": run.manifest["steps"]["detect"]["edges"],
        "detection_s": round(detection_s, 1),
        "all_s": round(time.monotonic() - began, 1),
    }


def verdicts_above_watch(workspace: Workspace, truth: Path) -> dict[str, list[int]]:
    """Look-alike class (and framed) -> [accounts above watch, accounts whose facts are not platform facts]."""
    import sqlite3

    with sqlite3.connect(workspace.decisions) as connection:
        tiers = pd.read_sql_query(
            "SELECT a.account_id, v.tier FROM accounts a JOIN verdicts v ON v.verdict_id = a.verdict_id", connection
        )
    who = pd.read_parquet(truth / "accounts.parquet").merge(tiers, on="account_id", how="left")
    who["group"] = who["lookalike"].fillna(who["class"])
    counts = {}
    for group, rows in who[who["class"].isin(["lookalike", "framed", "organic"])].groupby("group"):
        counts[str(group)] = [int(rows["tier"].isin(ABOVE_WATCH).sum()), len(rows)]
    return counts


def bans(workspace: Workspace, engine: Any, networks: pd.DataFrame, found: Any, truth: Path) -> list[str]:
    """Planted networks with platform facts of which most members were banned, and the ban exactly reversed."""
    id_of = networks.set_index("cluster_id")["network_id"]
    ended = []
    programs = {n: [sys.executable, "-m", "shoal", n, "--dir", str(workspace.root)] for n in ("serve", "worker")}
    programs["serve"] += ["--port", "0"]
    try:
        running = {name: spawn(workspace, name, command) for name, command in programs.items()}
        with people(engine, str(running["serve"].address), truth) as who:
            for row in found.networks[found.networks["platform_facts"]].itertuples():
                inside = found.accounts[found.accounts["network"] == row.network]
                applied = 0
                for cluster_id in sorted(inside["cluster_id"].unique()):
                    try:
                        action = ban(who, id_of[cluster_id], lambda _line: None)
                    except ShoalError as error:  # a guard or the blind sample stopped it: that is an outcome
                        print(f"  {row.network}: {error}", file=sys.stderr)
                        continue
                    done = action["targets_by_state"].get("applied", 0) + action["targets_by_state"].get("confirmed", 0)
                    undone = reverse(who, action, lambda _line: None)
                    applied += done if undone["state"] == "reversed" else 0
                if applied >= row.members / 2:
                    ended.append(str(row.network))
    finally:
        for name in programs:
            stop(workspace, name)
    return ended


def show(results: list[dict[str, Any]]) -> None:
    right, members = sum(r["right"] for r in results), sum(r["members"] for r in results)
    networks = pd.DataFrame([n for r in results for n in r["networks"]])
    print(f"\nSynthetic, {len(results)} seeds: {', '.join(str(r['seed']) for r in results)}")
    print("membership precision {:.4f} (95% interval {:.4f} to {:.4f})".format(*wilson(right, members)))
    print(
        "wrong members:",
        pd.Series([k for r in results for k, n in r["wrong"].items() for _ in range(n)]).value_counts().to_dict(),
    )
    print("membership recall {:.4f}".format(networks["found_members"].sum() / networks["members"].sum()))
    print(
        "planted networks found (Jaccard >= 0.5): {} of {}".format(
            (networks["best_jaccard"] >= 0.5).sum(), len(networks)
        )
    )
    facts = networks[networks["platform_facts"]]
    print(
        "with platform facts, banned and reversed: {} of {} ({:.3f}, 95% interval {:.3f} to {:.3f})".format(
            facts["banned"].sum(), len(facts), *wilson(int(facts["banned"].sum()), len(facts))
        )
    )
    networks["jitter"] = pd.cut(networks["jitter_s"], [0, 15, 60, 150, 300, 1000])
    networks["hidden"] = pd.cut(networks["camouflage"], [-0.01, 0.25, 0.5, 0.75, 1.0])
    networks["aims"] = pd.cut(networks["targets"], [0, 12, 24, 40, 100])
    for by in ("behaviour", "size", "jitter", "hidden", "aims", "platform_facts"):
        grouped = networks.groupby(by, observed=True)
        table = pd.DataFrame(
            {
                "networks": grouped.size(),
                "found": grouped["best_jaccard"].agg(lambda j: (j >= 0.5).mean()),
                "member recall": grouped["found_members"].sum() / grouped["members"].sum(),
            }
        )
        print(f"\nrecall by {by}\n{table.round(3).to_string()}")
    groups = sorted({g for r in results for g in r["above_watch"]})
    rows = [
        (
            g,
            sum(r["above_watch"].get(g, [0, 0])[0] for r in results),
            sum(r["above_watch"].get(g, [0, 0])[1] for r in results),
        )
        for g in groups
    ]
    print(
        "\nverdicts above watch without any review\n"
        + pd.DataFrame(rows, columns=["class", "above watch", "accounts"]).to_string(index=False)
    )
    print("\ndetection, seconds: median {:.0f}".format(pd.Series([r["detection_s"] for r in results]).median()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="243-258")
    parser.add_argument("--accounts", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=Path("bench-simulated"))
    parser.add_argument("--scores", action="store_true")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    results = []
    for seed in range(int(first), int(last or first) + 1):
        kept = given.out / f"{given.accounts}-{seed}.json"
        if not kept.exists():
            folder = given.out / f"seed-{seed}"
            result = one(seed, given.accounts, folder, given.scores)
            shutil.rmtree(folder, ignore_errors=True)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(result, default=str))
        results.append(json.loads(kept.read_text()))
        line = results[-1]
        print(
            f"seed {seed}: {line['right']} of {line['members']} members right, "
            f"wrong {line['wrong']}, {line['all_s']} s",
            flush=True,
        )
    show(results)


if __name__ == "__main__":
    main()
