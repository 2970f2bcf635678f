"""Roles of a cluster's members: core, bridge, periphery, followed.

*followed* protects the framed: whoever is trailed by others, and trails nobody, may be a victim. Bots that
shadow a genuine account hand it significant edges, but they always act after it.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph.statements import sql

FOLLOWED = 0.9  # share of co-actions in which the account acted first, from which it counts as followed
BRIDGE = 0.4  # share of an account's edges that leave its cluster, from which it is a bridge
PERIPHERY = 0.5  # of the cluster's median number of inner edges


def assign(clusters: pd.DataFrame, edges: pd.DataFrame) -> pd.DataFrame:
    """Add role, inner (edges inside the cluster) and lead_share to the rows of graph.communities.find.

    `lead_share` is the share of an account's co-actions inside the cluster in which it acted first, a tie counting
    half; missing where it has none.

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
        lead_share=clusters["account"].map(inner["first2"] / (2 * inner["co_actions"])),
    )
    median = rows.groupby("cluster")["inner"].transform("median")
    rows["role"] = np.select(
        [
            rows["lead_share"] >= FOLLOWED,
            rows["inner"] < (1 - BRIDGE) * rows["all_edges"],
            rows["inner"] < PERIPHERY * median,
        ],
        ["followed", "bridge", "periphery"],
        default="core",
    )
    return rows.drop(columns="all_edges")


def leads(
    connection: duckdb.DuckDBPyConnection, inside: pd.DataFrame, clusters: pd.DataFrame, window: int
) -> pd.DataFrame:
    """Who acts first in each cluster, how often and by how much.

    Args:
        connection: with the tables of graph.coaction.prepare.
        inside: a, z of the coordination edges inside clusters.
        clusters: account, cluster, lead_share, as `assign` gives them.
        window: of a co-action, microseconds.

    Returns:
        account, cluster, co_actions (inside its cluster), lead_share, median_lag (microseconds, its own time less the
        other's: below 0, it acts first); lead_share and median_lag are missing where it has no co-action. One row an
        account, in the order of `clusters`.
    """
    connection.register("kept", pa.Table.from_pandas(inside[["a", "z"]], preserve_index=False))
    found = connection.execute(sql("leads"), {"window": window}).df()
    connection.unregister("kept")
    rows = clusters[["account", "cluster", "lead_share"]].merge(found, on="account", how="left")
    rows = rows.astype({"co_actions": "Int64", "median_lag": "Int64"})
    return rows.assign(co_actions=rows["co_actions"].fillna(0))
