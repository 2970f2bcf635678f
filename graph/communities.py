"""Clusters: densely coordinated groups, by Leiden with the constant Potts model (CPM).

CPM (Traag, Van Dooren & Nesterov, Phys. Rev. E 2011) keeps a group whose internal density exceeds the
resolution, whatever the size of the graph, so small groups are not merged as modularity merges them; Leiden
(Traag, Waltman & van Eck, Sci. Rep. 2019) guarantees connected groups. Each kept edge weighs 1: an edge is
evidence once, and its strength has been used in the test already.

No resolution is right for every group. Several are tried with several seeds, and the groups that recur are
kept: the *stability* of a group is its best Jaccard overlap in each other partition, on average.

Edges that nobody tested need more. A group may then have to hold more than chance explains (`alpha`,
graph.surplus), and of groups that overlap the least likely is kept; and edges may weigh (`weight`): partitions are
then made both ways, with weights in units of their mean and without, since where weights tell little they blur.
"""

from __future__ import annotations

from dataclasses import dataclass

import graspologic_native
import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from graph import surplus


@dataclass(frozen=True)
class ClusterConfig:
    """How clusters are looked for.

    Attributes:
        resolutions: CPM resolutions; each reads as the least internal density.
        seeds: random starts for each resolution.
        least_size: smaller groups are left out.
        least_stability: groups that recur less are left out.
    """

    resolutions: tuple[float, ...] = (0.05, 0.1, 0.2, 0.35, 0.5)
    seeds: int = 3
    least_size: int = 3
    least_stability: float = 0.3


def find(
    a: np.ndarray,
    z: np.ndarray,
    config: ClusterConfig,
    seed: int,
    *,
    weight: np.ndarray | None = None,
    alpha: float | None = None,
) -> pd.DataFrame:
    """Cluster the graph of edges (a, z), accounts as integers.

    Args:
        a: one end of each edge, shape (edges,).
        z: its other end, another account.
        config: how clusters are looked for.
        seed: same seed, same clusters.
        weight: of each edge, above zero; those of a pair that stands there twice are added. None: each weighs 1.
        alpha: level at which a cluster has to hold more than chance explains. None: the edges have been tested.

    Returns:
        One row a clustered account: `account` (int), `cluster` (int, its smallest member), `stability`
        (0 to 1); sorted by account. The same edges in any order give the same rows.
    """
    columns = {"account": np.empty(0, np.int64), "cluster": np.empty(0, np.int64), "stability": np.empty(0)}
    if len(a) == 0:
        return pd.DataFrame(columns)
    accounts, ends = np.unique(np.concatenate([a, z]), return_inverse=True)
    matrix = _matrix(ends[: len(a)], ends[len(a) :], len(accounts), weight)
    even = csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
    partitions = _partitions(even, config, seed)
    if weight is None:
        matrix = even  # a pair that stands there twice is one edge
    else:
        partitions += _partitions(matrix, config, seed)
    chance = None if alpha is None else [_chance(labels, matrix, config.least_size) for labels in partitions]
    groups = _candidates(partitions, config, chance, alpha)
    taken = np.zeros(len(accounts), dtype=bool)
    found = []
    for stability, members in groups:
        if taken[members].any():
            continue
        taken[members] = True
        names = accounts[members]
        found.append(pd.DataFrame({"account": names, "cluster": names.min(), "stability": stability}))
    if not found:
        return pd.DataFrame(columns)
    return pd.concat(found).sort_values("account", ignore_index=True)


def stability(a: np.ndarray, z: np.ndarray, members: pd.DataFrame, config: ClusterConfig, seed: int) -> pd.Series:
    """Stability of clusters that were found by other means: how well they recur when the edges (a, z) are clustered.

    Args:
        a: one end of each edge.
        z: its other end.
        members: account, cluster; every account has an edge.
        config: how clusters are looked for.
        seed: same seed, same result.

    Returns:
        One number (0 to 1) a cluster, by cluster.
    """
    accounts, ends = np.unique(np.concatenate([a, z]), return_inverse=True)
    partitions = _partitions(_matrix(ends[: len(a)], ends[len(a) :], len(accounts), None), config, seed)
    cluster, own = np.unique(members["cluster"].to_numpy(np.int64), return_inverse=True)
    label = np.full(len(accounts), len(cluster))  # whoever is in none of them is in a group of the rest
    label[np.searchsorted(accounts, members["account"].to_numpy(np.int64))] = own
    return pd.Series(_recurrence(label, partitions)[: len(cluster)], index=cluster)


def _matrix(a: np.ndarray, z: np.ndarray, n: int, weight: np.ndarray | None) -> csr_array:
    """Symmetric adjacency, nodes 0 to n - 1; weights in units of their mean."""
    each = np.ones(len(a)) if weight is None else np.asarray(weight, dtype=float)
    order = np.lexsort((each, np.maximum(a, z), np.minimum(a, z)))  # floats are added in one order, whatever the rows'
    low, high, each = np.minimum(a, z)[order], np.maximum(a, z)[order], each[order]
    matrix = csr_array((np.r_[each, each], (np.r_[low, high], np.r_[high, low])), shape=(n, n))
    matrix.sum_duplicates()
    matrix.data /= matrix.data.mean()
    return matrix


def _partitions(matrix: csr_array, config: ClusterConfig, seed: int) -> list[np.ndarray]:
    """One label per node for each resolution and seed."""
    n = matrix.shape[0]
    partitions = []
    for i, resolution in enumerate(config.resolutions):
        for start in range(config.seeds):
            _, labels = graspologic_native.leiden_csr(
                matrix.indptr.astype(np.int64),
                matrix.indices.astype(np.int32),
                matrix.data,
                n,
                resolution=resolution,
                use_modularity=False,
                iterations=2,
                seed=seed * 1_000_003 + i * 101 + start,
            )
            label_of = np.empty(n, np.int64)
            label_of[np.fromiter(labels.keys(), np.int64, n)] = np.fromiter(labels.values(), np.int64, n)
            partitions.append(label_of)
    return partitions


def _chance(labels: np.ndarray, matrix: csr_array, least_size: int) -> np.ndarray:
    rows = np.repeat(np.arange(len(labels)), np.diff(matrix.indptr))
    once = rows < matrix.indices
    return surplus.log_chance(labels, rows[once], matrix.indices[once], matrix.data[once], least_size)


def _candidates(
    partitions: list[np.ndarray], config: ClusterConfig, chance: list[np.ndarray] | None, alpha: float | None
) -> list[tuple[float, np.ndarray]]:
    """Every distinct group that may be kept, with its stability: least likely by chance, most stable, largest first."""
    seen: dict[bytes, tuple[float, float, np.ndarray]] = {}
    for i, labels in enumerate(partitions):
        recurs = _recurrence(labels, partitions)
        likely = np.zeros(len(recurs)) if chance is None else chance[i]
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(labels[order]) > 0])
        for members, label in zip(np.split(order, starts[1:]), labels[order][starts], strict=True):
            if len(members) < config.least_size or recurs[label] < config.least_stability:
                continue
            if alpha is None or likely[label] <= np.log(alpha):
                seen.setdefault(members.tobytes(), (float(likely[label]), float(recurs[label]), members))
    best = sorted(seen.values(), key=lambda g: (round(g[0], 6), -round(g[1], 9), -len(g[2]), g[2].tolist()))
    return [(stability, members) for _, stability, members in best]


def _recurrence(labels: np.ndarray, partitions: list[np.ndarray]) -> np.ndarray:
    """For each group of `labels`, its best Jaccard overlap in each partition, on average; shape (groups,)."""
    sizes = np.bincount(labels)
    total = np.zeros(len(sizes))
    for other in partitions:
        other_sizes = np.bincount(other)
        both, joint = np.unique(labels * np.int64(len(other_sizes)) + other, return_counts=True)
        mine, theirs = both // len(other_sizes), both % len(other_sizes)
        best = np.zeros(len(sizes))
        np.maximum.at(best, mine, joint / (sizes[mine] + other_sizes[theirs] - joint))
        total += best
    return total / len(partitions)
