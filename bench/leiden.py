"""Small groups in a large graph: modularity against CPM, both by graspologic-native's Leiden.

    python bench/leiden.py [--seeds N]

Synthetic: 100,000 accounts, 500,000 background edges whose ends follow a heavy tail, 300 planted groups of
6 to 40 accounts of inner density 0.7. Weights overlap: 1 + Poisson(1) in the background, 1 + Poisson(2)
within groups. A group counts as recovered when a community overlaps it with Jaccard of at least 0.5.
"""

from __future__ import annotations

import argparse
from time import process_time

import graspologic_native
import numpy as np
from scipy.sparse import csr_array

ACCOUNTS, BACKGROUND, GROUPS = 100_000, 500_000, 300


def graph(seed: int) -> tuple[csr_array, list[np.ndarray]]:
    """A weighted, symmetric adjacency matrix and the members of each planted group."""
    random = np.random.default_rng(seed)
    popularity = (np.arange(ACCOUNTS) + 1) ** -0.5
    names = random.permutation(ACCOUNTS)
    ends = [names[random.choice(ACCOUNTS, (2, BACKGROUND), p=popularity / popularity.sum())]]
    weights = [1.0 + random.poisson(1.0, BACKGROUND)]
    sizes = random.integers(6, 41, GROUPS)
    groups = np.split(random.permutation(ACCOUNTS)[: sizes.sum()], np.cumsum(sizes)[:-1])
    for group in groups:
        pairs = np.array(np.triu_indices(len(group), 1))
        pairs = group[pairs[:, random.random(pairs.shape[1]) < 0.7]]
        ends.append(pairs)
        weights.append(1.0 + random.poisson(2.0, pairs.shape[1]))
    low, high = np.sort(np.concatenate(ends, axis=1), axis=0)
    key, first = np.unique(low * ACCOUNTS + high, return_index=True)
    weight = np.concatenate(weights)[first]
    low, high = key // ACCOUNTS, key % ACCOUNTS
    weight, low, high = weight[low != high], low[low != high], high[low != high]
    both = (np.r_[weight, weight], (np.r_[low, high], np.r_[high, low]))
    return csr_array(both, shape=(ACCOUNTS, ACCOUNTS)), groups


def recovered(labels: np.ndarray, groups: list[np.ndarray]) -> int:
    """Planted groups that a community overlaps with Jaccard of at least 0.5."""
    sizes = np.bincount(labels)
    found = 0
    for group in groups:
        joint = np.bincount(labels[group])
        found += (joint / (len(group) + sizes[: len(joint)] - joint)).max() >= 0.5
    return found


def main() -> None:
    """Print a row a seed and quality function."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    print("seed  quality     edges    CPU s  recovered  communities of 6 or more")
    for seed in range(1, parser.parse_args().seeds + 1):
        matrix, groups = graph(seed)
        for modularity in (True, False):
            begun = process_time()
            _, label_of = graspologic_native.leiden_csr(
                matrix.indptr.astype(np.int64),
                matrix.indices.astype(np.int32),
                matrix.data,
                ACCOUNTS,
                resolution=1.0,
                use_modularity=modularity,
                iterations=2,
                seed=seed,
            )
            spent = process_time() - begun
            labels = np.fromiter((label_of[node] for node in range(ACCOUNTS)), np.int64, ACCOUNTS)
            large = int((np.bincount(labels) >= 6).sum())
            name = "modularity" if modularity else "CPM"
            print(f"{seed:4}  {name:10} {matrix.nnz // 2:7} {spent:8.1f} {recovered(labels, groups):10} {large:25}")


if __name__ == "__main__":
    main()
