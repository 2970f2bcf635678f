"""The control by permutation in a run: asked for with --permutations, kept in the manifest, told in the report.

The manifest's step `detect` then has `permuted`: how many logs, edges and clusters in them on average, the share of
them with a chance cluster that would be kept, p of the log, and the networks that recur (graph.permutation).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd

from graph import permutation
from graph.coaction import CoactionConfig
from graph.communities import ClusterConfig
from graph.significance import Tested
from graph.words import count, number, shown

if TYPE_CHECKING:
    from graph.runs import Run

RECURRING = 0.5  # share of permuted logs; a network that comes back in as many is not judged
MOST_NAMED = 5


def permuted(
    connection: duckdb.DuckDBPyConnection,
    tested: Tested,
    pairs_tested: dict[str, int],
    coacted: CoactionConfig,
    clustered: ClusterConfig,
    permutations: int,
    *,
    fdr: float,
    seed: int,
    advance: Callable[[float], None],
) -> permutation.Control | None:
    """Compare the clusters found with permuted logs; None if none are asked for. Advances by 1 in all."""
    if not permutations:
        return None
    return permutation.control(
        connection,
        permutation.detected(tested, pairs_tested, clustered, fdr, seed),
        coacted,
        clustered,
        permutation.PermutationConfig(permutations, seed=seed),
        fdr=fdr,
        seed=seed,
        advance=lambda logs: advance(logs / permutations),
    )


def figures(control: permutation.Control | None, network_of: pd.Series, alpha: float) -> dict[str, Any]:
    """What the manifest keeps of it, under `permuted`; nothing if there was no control.

    Args:
        control: what permuted logs say.
        network_of: network id by cluster.
        alpha: level at which a cluster is kept.
    """
    if control is None:
        return {}
    recurring = control.clusters.index[control.clusters["recurs"] >= RECURRING]
    return {
        "permuted": {
            "logs": len(control.logs),
            "edges": float(control.logs["edges"].mean()),
            "clusters": float(control.logs["clusters"].mean()),
            "with_chance_cluster": float((control.logs["least"] <= alpha).mean()),
            "p_value": control.p_value,
            "recurring": sorted(network_of.reindex(recurring).dropna()),
            "object_communities": control.communities,
            "strata": control.strata,
            "moved": control.moved,
        }
    }


def told(run: Run) -> list[str]:
    """The control in plain words, a sentence each; nothing if the run was made without."""
    kept = run.manifest["steps"].get("detect", {}).get("permuted")
    if kept is None:
        return []
    circles = "" if kept["object_communities"] == 1 else f"{number(kept['object_communities'])} object communities and "
    logs = count(kept["logs"], "log")
    found = f"{count(round(kept['edges']), 'edge')} and {count(round(kept['clusters']), 'cluster')}"
    sentences = [
        (
            f"Control: {logs} with accounts swapped within {circles}the hour show {found} on average. "
            f"A cluster made by chance alone would have been kept in {kept['with_chance_cluster']:.0%} of them."
        )
    ]
    recurring = set(kept["recurring"])
    networks = run.table("networks", ["network_id", "chance_permuted"]).to_pylist()
    judged = [row for row in networks if row["network_id"] not in recurring and row["chance_permuted"] is not None]
    if judged:
        worst = max(row["chance_permuted"] for row in judged)
        least = 1 / (1 + kept["logs"])
        sentences.append(
            f"{count(len(judged), 'network')} judged against them: p of at most {worst:.3g}, "
            f"where {least:.3g} is the least that so many logs can show."
        )
    if recurring:
        names = ", ".join(shown(name) for name in sorted(recurring)[:MOST_NAMED])
        more = f" and {number(len(recurring) - MOST_NAMED)} more" if len(recurring) > MOST_NAMED else ""
        sentences.append(
            f"Not judged by the control: {names}{more}. Their members are much of what happened where they acted, so "
            "that swapping accounts puts them together again."
        )
    return sentences
