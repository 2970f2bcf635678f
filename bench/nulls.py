"""Rules for what counts as coordination, side by side on the same worlds (all synthetic); and a control by permutation.

    bench/.venv/bin/python bench/nulls.py [--worlds heavy,hard,...] [--seeds 2001-2002] [--scale 1]
        [--permutations 19] [--out DIR]

Rules: raw weight and quantile as in coordination-network-toolkit and CooRTweet (60 s); BiCM validated projection
(package bicm; of accounts and objects, and of accounts and objects by stretches of 5 minutes); a Poisson null of
activity and popularity with Benjamini-Hochberg; Shoal's edges over all pairs; Shoal's kept clusters; the clusters of
those edges gated by permutation, alone and besides Shoal's own test. Worlds are those of bench/worlds.py at about a
tenth of their size, so that twenty detections and BiCM take minutes. Finished worlds are kept in --out.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import worlds
from rules import Rule, activity, bicm_rules, raw

from graph import coaction, communities, permutation, selection, significance
from graph.detect import DetectConfig
from graph.model import ACCOUNTS

CONFIG = DetectConfig()
FDR = CONFIG.fdr
MOST_CLUSTERED = 300_000  # edges; a rule that keeps more is not clustered, which would take longer than all the rest


def crowd(seed: int, scale: float, **options: Any) -> tuple[worlds.World, np.random.Generator]:
    """The crowd of bench/worlds.py, a tenth of it at scale 1."""
    size = round(2_000 * scale)
    return worlds.crowd(seed, **{"accounts": size, "rows": 10 * size, "objects": size, **options})


def heavy(seed: int, scale: float) -> worlds.World:
    """Top object 12% of rows; 4 squads of 12 a tenth."""
    world, random = crowd(seed, scale, top=0.12)
    for _ in range(round(4 * scale)):
        worlds.squad(world, random, size=12)
    return world


def hard(seed: int, scale: float) -> worlds.World:
    """The same with news, a fan campaign, 2 open and 2 hidden squads a tenth."""
    world, random = crowd(seed, scale, top=0.12)
    worlds.news(world, random, posts=round(5 * scale), audience=round(200 * scale) + 200)
    worlds.fans(world, random, size=round(50 * scale) + 50, posts=20)
    for _ in range(round(2 * scale)):
        worlds.squad(world, random, size=12)
    for _ in range(round(2 * scale)):
        worlds.squad(world, random, size=12, targets=12, share=0.7, camouflage=60)
    return world


def farm(seed: int, scale: float) -> worlds.World:
    """A squad of 12 among other people's notes, and a farm of 100 within 20 s on 20 notes of its own."""
    world, random = crowd(seed, scale)
    worlds.squad(world, random, size=12)
    worlds.squad(world, random, size=100, targets=20, share=0.95, jitter=20.0, camouflage=10, exclusive=True)
    return world


def big_farm(seed: int, scale: float) -> worlds.World:
    """The same with a farm of 400, which does a third of all there is at scale 1."""
    world, random = crowd(seed, scale)
    worlds.squad(world, random, size=12)
    worlds.squad(world, random, size=400, targets=30, share=0.95, jitter=20.0, camouflage=2, exclusive=True)
    return world


def topics(seed: int, scale: float, squads: int) -> worlds.World:
    """20 topics with 90% loyalty, with squads or without."""
    world, random = crowd(seed, scale, topics=20, loyalty=0.9)
    for _ in range(squads):
        worlds.squad(world, random, size=12)
    return world


MAKE: dict[str, Callable[[int, float], worlds.World]] = {
    "heavy": heavy,
    "hard": hard,
    "farm": farm,
    "big farm": big_farm,
    "topics and squads": lambda seed, scale: topics(seed, scale, 3),
    "without plain": lambda seed, scale: crowd(seed, scale)[0],
    "without topics": lambda seed, scale: topics(seed, scale, 0),
}


def shoal(
    connection: duckdb.DuckDBPyConnection, account: np.ndarray, permutations: int, seed: int
) -> tuple[dict[str, Rule], list[dict[str, Any]]]:
    """Shoal's edges and clusters, and the control by permutation, with and without object communities."""
    began = time.process_time()
    found = coaction.count(connection, CONFIG.coaction)
    tested = significance.test(found, FDR)
    before = time.process_time()
    observed = permutation.detected(tested, found.pairs_tested, CONFIG.cluster, FDR, CONFIG.seed)
    kept = selection.select(
        connection, tested, found.pairs_tested, CONFIG.coaction, CONFIG.cluster,
        fdr=FDR, alpha=CONFIG.alpha, seed=CONFIG.seed,
    )  # fmt: skip
    after = time.process_time()
    rules = {
        "Shoal, edges over all pairs": Rule(observed.edges, None, before - began),
        "Shoal, kept clusters (Simes)": Rule(selection.inside(kept.pairs, kept.members), kept.members, after - began),
    }
    controls = [told(tested, found.pairs_tested)]
    inside = selection.inside(observed.edges, observed.members)
    for name, within in (("community x hour", True), ("hour", False)) if permutations else ():
        start = time.process_time()
        config = permutation.PermutationConfig(permutations, communities=within, seed=seed)
        control = permutation.control(
            connection, observed, CONFIG.coaction, CONFIG.cluster, config, fdr=FDR, seed=CONFIG.seed
        )
        spent = time.process_time() - start
        passed = control.clusters.index[control.clusters["p_permuted"] <= CONFIG.alpha]
        both = passed[control.clusters.loc[passed, "p_value"] <= CONFIG.alpha]
        gates = {f"permutation ({name})": passed, f"Simes and permutation ({name})": both}
        for gate, clusters in gates.items():
            members = observed.members[observed.members["cluster"].isin(clusters)]
            rules[gate] = Rule(inside[inside["cluster"].isin(clusters)], members, before - began + spent)
        controls.append(of_control(name, control, sum(found.pairs_tested.values())))
    return {name: renumbered(rule, account) for name, rule in rules.items()}, controls


def renumbered(rule: Rule, account: np.ndarray) -> Rule:
    """A rule's edges and members by the accounts' numbers in the world."""
    edges = pd.DataFrame({"a": account[rule.edges["a"]], "z": account[rule.edges["z"]]})
    if rule.members is None:
        return Rule(edges, None, rule.cpu_s)
    members = pd.DataFrame({"account": account[rule.members["account"]], "cluster": rule.members["cluster"].to_numpy()})
    return Rule(edges, members, rule.cpu_s)


def told(tested: significance.Tested, pairs_tested: dict[str, int]) -> dict[str, Any]:
    """P-values of pairs in the world as it is."""
    p, m = tested.pairs["p_value"], sum(pairs_tested.values())
    below = {f"p <= {level:g}": float((p <= level).sum() / max(m, 1)) for level in permutation.LEVELS}
    return {"log": "as it is", "pairs": m, "edges": float((tested.pairs["q_value"] <= FDR).sum()), **below}


def of_control(name: str, control: permutation.Control, pairs: int) -> dict[str, Any]:
    """P-values of pairs and discoveries in permuted logs."""
    logs = control.logs
    below = {f"p <= {level:g}": float(logs[f"below_{level:g}"].mean() / pairs) for level in permutation.LEVELS}
    return {
        "log": f"permuted: {name}",
        "pairs": pairs,
        "edges": float(logs["edges"].mean()),
        **below,
        "any cluster": float((logs["clusters"] > 0).mean()),
        "chance cluster kept": float((logs["least"] <= CONFIG.alpha).mean()),
        "moved": control.moved,
        "repeats": list(control.repeats),
        "communities": control.communities,
        "p of the log": control.p_value,
        "clusters": control.clusters.reset_index().round(6).to_dict("records"),
    }


def clusters_of(rule: Rule) -> list[np.ndarray] | None:
    """Members of each cluster of a rule; None where it keeps too many edges to look."""
    members = rule.members
    if members is None:
        if len(rule.edges) > MOST_CLUSTERED:
            return None
        members = communities.find(rule.edges["a"].to_numpy(), rule.edges["z"].to_numpy(), CONFIG.cluster, CONFIG.seed)
    return [rows.to_numpy() for _, rows in members.groupby("cluster")["account"]]


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two groups have a Jaccard overlap of at least 0.8."""
    joint = len(np.intersect1d(one, other))
    return joint >= 0.8 * (len(one) + len(other) - joint)


def compared(world: worlds.World, rule: Rule) -> dict[str, Any]:
    """A rule's edges and clusters against the truth; edges among fans are counted apart."""
    a, z = rule.edges["a"].to_numpy(np.int64), rule.edges["z"].to_numpy(np.int64)
    group, fan = np.full(int(world.a.max()) + 1, -1), np.zeros(int(world.a.max()) + 1, bool)
    for number, members in enumerate(world.groups):
        group[members] = number
    for members in world.fans:
        fan[members] = True
    right = (group[a] == group[z]) & (group[a] >= 0)
    judged = len(a) - int((fan[a] & fan[z] & ~right).sum())
    planted = sum(len(g) * (len(g) - 1) // 2 for g in world.groups)
    clusters = clusters_of(rule)
    false = [c for c in clusters or [] if not any(np.isin(c, g).mean() >= 0.5 for g in (*world.groups, *world.fans))]
    return {
        "edges": len(a),
        "among fans": len(a) - judged,
        "precision": float(right.sum() / judged) if judged else None,
        "recall": float(right.sum() / planted) if planted else None,
        "clusters": None if clusters is None else len(clusters),
        "false clusters": None if clusters is None else len(false),
        "groups found": None if clusters is None else sum(any(alike(c, g) for c in clusters) for g in world.groups),
        "cpu_s": round(rule.cpu_s, 1),
    }


def measure(world: worlds.World, permutations: int, seed: int) -> dict[str, Any]:
    """Every rule on a world, and the control."""
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("SET enable_progress_bar = false")
    connection.register("actions", world.actions())
    connection.register("accounts", ACCOUNTS.schema.empty_table())
    coaction.prepare(connection, 0, 1 << 62)
    account = np.array([int(name[1:]) for name in coaction.account_names(connection)])
    peers = {name: renumbered(rule, account) for name, rule in raw(connection).items()}
    ours, controls = shoal(connection, account, permutations, seed)
    connection.close()
    rules = peers | bicm_rules(world, FDR) | {"Poisson activity, BH": activity(world, FDR)} | ours
    return {
        "rows": len(world.a),
        "groups": len(world.groups),
        "rules": {name: compared(world, rule) for name, rule in rules.items()},
        "controls": controls,
    }


def show(done: dict[str, Any]) -> None:
    """Print a world's tables."""
    print(f"\n{done['world']}, seed {done['seed']}: {done['rows']:,} rows, {done['groups']} planted groups (synthetic)")
    table = pd.DataFrame(done["rules"]).T.rename_axis("rule")
    print(table.to_string(na_rep="-", float_format=lambda x: f"{x:.3f}"))
    print("\nShare of tested pairs with small p-values, and discoveries, in the log and in permuted logs")
    print(
        pd.DataFrame([{k: v for k, v in c.items() if k != "clusters"} for c in done["controls"]]).to_string(index=False)
    )
    for control in done["controls"][1:]:
        print(f"\nClusters against logs {control['log']}")
        print(pd.DataFrame(control["clusters"]).to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", default=",".join(MAKE))
    parser.add_argument("--scale", type=float, default=1.0, help="10: as large as bench/worlds.py")
    parser.add_argument("--seeds", default="2001")
    parser.add_argument("--permutations", type=int, default=19, help="0: none")
    parser.add_argument("--out", type=Path, default=Path("bench-nulls"))
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.worlds.split(","):
        for seed in range(int(first), int(last or first) + 1):
            file = given.out / f"{name}-{given.scale:g}-{seed}.json".replace(" ", "_")
            if not file.exists():
                done = {"world": name, "seed": seed, **measure(MAKE[name](seed, given.scale), given.permutations, seed)}
                file.write_text(json.dumps(done))
            show(json.loads(file.read_text()))


if __name__ == "__main__":
    main()
