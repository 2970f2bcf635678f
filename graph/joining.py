"""Accounts that join in: members that a cluster has beyond those whose pairs are significant.

A member that takes part in half of what its network does shares few targets with each of the others, and no pair tells.
Against the cluster as a whole it does: an account is tested on how often it was there, within the window, when members
of the cluster co-acted, among all it did on those objects within the horizon. The null is that of the pairs
(graph.significance), a moment of length L being met with the rate rho (1 + L / 2 window). The false discovery rate is
controlled over all accounts and clusters that were near on enough objects (Benjamini & Hochberg).

A crowd at its peak passes this test too: the few who always are there (the keenest fans) co-act while everybody does.
So nobody joins a cluster that more accounts would join than it has: it is then a part of a crowd, not its core.
"""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from graph.coaction import CoactionConfig
from graph.significance import at_least_once, log_tail, q_values
from graph.statements import sql


def joiners(
    connection: duckdb.DuckDBPyConnection,
    inside: pd.DataFrame,
    members: pd.DataFrame,
    rates: tuple[np.ndarray, ...],
    config: CoactionConfig,
    fdr: float,
) -> pd.DataFrame:
    """Accounts that join in with a cluster.

    Args:
        connection: with the tables of coaction.prepare.
        inside: a, z, cluster of the edges inside clusters.
        members: account, cluster of each clustered account.
        rates: at each scale, rho of each object (significance.Tested.rates).
        config: window, horizon and scales.
        fdr: rate of false discoveries among those who join.

    Returns:
        account, cluster: each account once, with the cluster that it fits best; sorted by account.
    """
    if inside.empty:
        return pd.DataFrame({"account": np.empty(0, np.int64), "cluster": np.empty(0, np.int64)})
    connection.register("kept", pa.Table.from_pandas(inside[["a", "z", "cluster"]], preserve_index=False))
    connection.register("clustered", pa.table({"a": members["account"].to_numpy(np.int64)}))
    connection.execute(sql("moments"), {"window": config.window})
    tests = [
        _tested(connection, round(config.window * part), round(config.horizon * part), rate, config.least_objects)
        for part, rate in zip(config.scales, rates, strict=True)
    ]
    for name in ("kept", "clustered"):
        connection.unregister(name)
    # an account that is near on enough objects at a narrow scale is so at the widest
    index = tests[0].index
    p = np.min([t.reindex(index, fill_value=1.0).to_numpy() for t in tests], axis=0) * len(tests)
    p = np.minimum(p, 1.0)
    best = pd.DataFrame({"p": p, "q": q_values(p, len(p))}, index=index).reset_index()
    best = best[best["q"] <= fdr].sort_values(["account", "p", "cluster"], kind="stable")
    best = best.drop_duplicates("account")[["account", "cluster"]]
    would, has = best["cluster"].value_counts(), members["cluster"].value_counts()
    return best[best["cluster"].map(would) <= best["cluster"].map(has)].reset_index(drop=True)


def _tested(
    connection: duckdb.DuckDBPyConnection, window: int, horizon: int, rate: np.ndarray, least: int
) -> pd.Series:
    """P-value of each cluster and account that was near on enough objects."""
    rows = connection.execute(sql("joiners"), {"window": window, "horizon": horizon}).df()
    key = rows[["cluster", "a"]].to_numpy(np.int64)
    names, pair = np.unique(key, axis=0, return_inverse=True)
    pair = pair.ravel()
    near = rows["near"].to_numpy(float)
    longer = 1 + rows["span"].to_numpy(float) / near / (2 * window)
    chance = at_least_once(rate[rows["o"].to_numpy()] * longer, near)
    p = np.exp(log_tail(pair, rows["met"].to_numpy() > 0, chance, len(names)))
    enough = np.bincount(pair, minlength=len(names)) >= least
    index = pd.MultiIndex.from_arrays([names[enough, 0], names[enough, 1]], names=["cluster", "account"])
    return pd.Series(p[enough], index=index)
