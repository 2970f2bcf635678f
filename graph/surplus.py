"""Whether a group of accounts holds more edges, and heavier ones, than chance explains.

For edges that nobody tested yet: in a large graph, thousands of triangles are the densest thing nearby and mean
nothing. The background is estimated from the graph itself, leaving out what is inside the group that is judged, so that
no group explains itself: two accounts with t_i and t_j edges outside of it (and one more each: nobody's rate is zero)
are an edge with probability t_i t_j / L, L being all ends of edges outside of it. The more popular two accounts are,
the less their edge says (Chung & Lu, "Connected components in random graphs with given expected degree sequences",
Annals of Combinatorics 2002). The weight of an edge is taken for independent of its ends.

Two statistics are tried, the number of inner edges and the same with a tenth of their *surprise* added: -log of the
share of all edges that weigh as much or more. Ranks, so that one giant weight cannot carry a group. Each is bounded by
Chernoff's inequality, over pairs of the mean probability (Hoeffding, "On the distribution of the number of successes
in independent trials", Ann. Math. Stat. 1956). The groups were picked for being dense, so each p-value is multiplied
by the number of groups of its size that there are, and by two for the statistics.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

SURPRISE = 0.1  # what an edge's surprise counts against the edge itself
TILTS = np.geomspace(0.05, 30, 60)  # where the Chernoff bound is evaluated; each gives a valid bound


def log_chance(labels: np.ndarray, a: np.ndarray, z: np.ndarray, weight: np.ndarray, least_size: int) -> np.ndarray:
    """Log of the chance that any group of its size holds as much as each group of a partition does.

    Args:
        labels: group of each node, 0 to groups - 1, shape (nodes,).
        a: one end of each edge, shape (edges,); each pair once.
        z: its other end.
        weight: of each edge, above zero.
        least_size: smaller groups are not judged.

    Returns:
        One number a group, shape (groups,); above 0 (a bound above 1) says nothing, inf: not judged.
    """
    sizes = np.bincount(labels)
    inner = labels[a] == labels[z]
    own = labels[a[inner]]
    edges = np.bincount(own, minlength=len(sizes))
    outside = np.bincount(np.r_[a, z][np.r_[~inner, ~inner]], minlength=len(labels)) + 1.0
    ends = 2.0 * (len(a) - edges) + len(labels)
    judged = np.flatnonzero((sizes >= least_size) & (edges > 0))
    pairs = sizes[judged] * (sizes[judged] - 1) / 2.0
    both = (np.bincount(labels, outside) ** 2 - np.bincount(labels, outside**2))[judged] / 2
    rate = np.clip(both / ends[judged] / pairs, 0.0, 1.0)

    values, which, counts = np.unique(weight, return_inverse=True, return_counts=True)
    surprise = -np.log(np.cumsum(counts[::-1])[::-1] / len(weight))
    surprises = np.bincount(own, surprise[which[inner]], minlength=len(sizes))
    bound = np.zeros(len(judged))
    for share in (0.0, SURPRISE) if len(values) > 1 else (0.0,):
        held = edges[judged] + share * surprises[judged]
        for tilt in TILTS:
            mean = np.average(np.exp(tilt * (1 + share * surprise)), weights=counts)
            bound = np.minimum(bound, pairs * np.log1p(rate * (mean - 1)) - tilt * held)
    tried = np.log(2.0) if len(values) > 1 else 0.0
    chance = np.full(len(sizes), np.inf)
    chance[judged] = bound + tried + _log_choose(len(labels), sizes[judged])
    return chance


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    chosen: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen
