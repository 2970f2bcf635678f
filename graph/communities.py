"""Clusters: densely coordinated groups, by Leiden with the constant Potts model (CPM).

CPM (Traag, Van Dooren & Nesterov, Phys. Rev. E 2011) keeps a group whose internal density exceeds the
resolution, whatever the size of the graph, so small groups are not merged as modularity merges them; Leiden
(Traag, Waltman & van Eck, Sci. Rep. 2019) guarantees connected groups. Each kept edge weighs 1: an edge is
evidence once, and its strength has been used in the test already.

No resolution is right for every group. Several are tried with several seeds, and the groups that recur are
kept: the *stability* of a group is its best Jaccard overlap in each other partition, on average.
"""

from __future__ import annotations

from dataclasses import dataclass

import graspologic_native
import numpy as np
import pandas as pd
from scipy.sparse import csr_array


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


def find(a: np.ndarray, z: np.ndarray, config: ClusterConfig, seed: int) -> pd.DataFrame:
    """Cluster the graph of edges (a, z), accounts as integers.

    Returns:
        One row a clustered account: `account` (int), `cluster` (int, its smallest member), `stability`
        (0 to 1); sorted by account. The same edges in any order give the same rows.
    """
    columns = {"account": np.empty(0, np.int64), "cluster": np.empty(0, np.int64), "stability": np.empty(0)}
    if len(a) == 0:
        return pd.DataFrame(columns)
    accounts, ends = np.unique(np.concatenate([a, z]), return_inverse=True)
    partitions = _partitions(ends[: len(a)], ends[len(a) :], len(accounts), config, seed)
    groups = _candidates(partitions, config.least_size)
    taken = np.zeros(len(accounts), dtype=bool)
    found = []
    for stability, members in groups:
        if stability < config.least_stability or taken[members].any():
            continue
        taken[members] = True
        names = accounts[members]
        found.append(pd.DataFrame({"account": names, "cluster": names.min(), "stability": stability}))
    if not found:
        return pd.DataFrame(columns)
    return pd.concat(found).sort_values("account", ignore_index=True)


def _partitions(a: np.ndarray, z: np.ndarray, n: int, config: ClusterConfig, seed: int) -> list[np.ndarray]:
    """One label per node for each resolution and seed; nodes are numbered 0 to n - 1."""
    matrix = csr_array((np.ones(2 * len(a)), (np.concatenate([a, z]), np.concatenate([z, a]))), shape=(n, n))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
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
            partitions.append(np.fromiter((labels[node] for node in range(n)), np.int64, n))
    return partitions


def _candidates(partitions: list[np.ndarray], least_size: int) -> list[tuple[float, np.ndarray]]:
    """Every distinct group of every partition with its stability; most stable first, then largest."""
    stability = [_recurrence(p, partitions) for p in partitions]
    seen: dict[bytes, tuple[float, np.ndarray]] = {}
    for labels, recurs in zip(partitions, stability, strict=True):
        order = np.argsort(labels, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(labels[order]) > 0])
        for members, label in zip(np.split(order, starts[1:]), labels[order][starts], strict=True):
            if len(members) >= least_size:
                seen.setdefault(members.tobytes(), (float(recurs[label]), members))
    return sorted(seen.values(), key=lambda g: (-round(g[0], 9), -len(g[1]), g[1].tolist()))


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
