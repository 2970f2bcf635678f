"""Faint clusters: many pairs that met often, none of them often enough to stand out among all pairs.

A squad of twenty that hides twelve joint targets among sixty ordinary acts leaves each pair about six meetings, with
p-values around 1e-6: nothing among thirty million pairs. But forty such pairs among twenty accounts are no chance.
So, among pairs that no kept cluster explains, those with p <= t are a graph, of which chance makes each edge with
probability t at most. t is chosen so small that chance leaves this graph in pieces without cycles (below half an edge
an account it has no large component: Erdos & Renyi 1960). What is left of a component once accounts with a single
edge are taken away, again and again (its 2-core: Seidman 1983), is looked at whole. The chance that any s of n
accounts hold e such pairs is

    at most  C(n, s) P(Binomial(s (s - 1) / 2, t) >= e),

and a group is kept where s^2 times that is at most alpha: the s^2 are for the sizes tried.

The bound takes pairs for independent. They are not: somebody who is always at a crowd's peak is near to all others
that are, and keen fans hold many weak pairs. So t is also capped (MOST), and groups of three or four, which two lucky
accounts make, are left alone (LEAST), as are groups that hang together loosely (PARTNERS); docs/decisions/0005 shows
what each of these keeps out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.special import gammaln
from scipy.stats import binom

MOST = 1e-5  # p-value of a pair up to which it counts
LEAST = 5  # accounts of a group
PARTNERS = 3.0  # others of its group with whom an account has such a pair, on average
DEGREE = 0.1  # mean number of such pairs an account that chance may make


def find(pairs: pd.DataFrame, accounts: int, tested: int, alpha: float) -> tuple[pd.DataFrame, pd.Series]:
    """Clusters of pairs that are faint alone.

    Args:
        pairs: a, z, p_value of tested pairs, each once; those of clusters already kept left out.
        accounts: how many accounts there are.
        tested: number of pairs tested, those that never met included.
        alpha: level at which a group has to reject chance.

    Returns:
        account, cluster (its smallest member), sorted by account; and the chance of each cluster.
    """
    level = min(MOST, DEGREE * accounts / 2 / max(tested, 1))
    close = pairs[pairs["p_value"] <= level]
    ends = _core(close[["a", "z"]].to_numpy(np.int64))
    ids, index = np.unique(ends, return_inverse=True)
    index = index.reshape(ends.shape)
    graph = coo_array((np.ones(len(ends)), (index[:, 0], index[:, 1])), shape=(len(ids), len(ids)))
    groups, label = connected_components(graph, directed=False)
    size = np.bincount(label, minlength=groups)
    held = np.bincount(label[index[:, 0]], minlength=groups)
    log_chance = _log_chance(size, held, accounts, level)
    cluster = pd.Series(ids).groupby(label).min().to_numpy(np.int64)
    kept = (log_chance <= np.log(alpha)) & (size >= LEAST) & (2 * held >= PARTNERS * size)
    inside = kept[label]
    members = pd.DataFrame({"account": ids[inside], "cluster": cluster[label[inside]]})
    return members, pd.Series(np.exp(log_chance[kept]), index=cluster[kept])


def _core(ends: np.ndarray) -> np.ndarray:
    """The edges, shape (edges, 2), that are left once accounts with a single one are gone."""
    while True:
        ids, degree = np.unique(ends, return_counts=True)
        alone = np.isin(ends, ids[degree < 2]).any(axis=1)
        if not alone.any():
            return ends
        ends = ends[~alone]


def _log_chance(size: np.ndarray, edges: np.ndarray, accounts: int, level: float) -> np.ndarray:
    """Log of the chance that any group of this size holds so many edges, times the square of the size."""
    groups = gammaln(accounts + 1) - gammaln(size + 1) - gammaln(accounts - size + 1)
    tail = binom.logsf(edges - 1, size * (size - 1) // 2, level)
    chance: np.ndarray = np.minimum(groups + tail + 2 * np.log(size), 0.0)
    return chance
