"""Roles of a cluster's members: core, bridge, periphery, followed.

*followed* protects the framed: whoever is trailed by others, and trails nobody, may be a victim. Bots that
shadow a genuine account hand it significant edges, but they always act after it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

FOLLOWED = 0.9  # share of co-actions in which the account acted first, from which it counts as followed
BRIDGE = 0.4  # share of an account's edges that leave its cluster, from which it is a bridge
PERIPHERY = 0.5  # of the cluster's median number of inner edges


def assign(clusters: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """Add `role` and `inner` (edges inside the cluster) to the rows of graph.communities.find.

    Args:
        clusters: account, cluster, stability.
        edges: a, z, co_actions, a_first2 (twice the co-actions in which a acted first, a tie counting one).
    """
    both = pd.DataFrame(
        {
            "account": np.concatenate([edges["a"], edges["z"]]),
            "other": np.concatenate([edges["z"], edges["a"]]),
            "co_actions": np.concatenate([edges["co_actions"]] * 2),
            "first2": np.concatenate([edges["a_first2"], 2 * edges["co_actions"] - edges["a_first2"]]),
        }
    )
    cluster_of = clusters.set_index("account")["cluster"]
    both["inside"] = both["account"].map(cluster_of).eq(both["other"].map(cluster_of))
    inner = both[both["inside"]].groupby("account")[["co_actions", "first2"]].sum()
    degree = both.groupby("account")["inside"].agg(["sum", "size"])
    rows = clusters.assign(
        inner=clusters["account"].map(degree["sum"]).fillna(0).astype(np.int64),
        all_edges=clusters["account"].map(degree["size"]).fillna(0),
        led=clusters["account"].map(inner["first2"] / (2 * inner["co_actions"])).fillna(0.0),
    )
    median = rows.groupby("cluster")["inner"].transform("median")
    rows["role"] = np.select(
        [
            rows["led"] >= FOLLOWED,
            rows["inner"] < (1 - BRIDGE) * rows["all_edges"],
            rows["inner"] < PERIPHERY * median,
        ],
        ["followed", "bridge", "periphery"],
        default="core",
    )
    return rows.drop(columns=["all_edges", "led"])
