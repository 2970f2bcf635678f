"""Accounts alike in what they did amid crowds: MinHash signatures, whose cost is linear in actions.

Where thousands act on one object within minutes, the pairs of actions are too many to make, and almost none of them
tells anything. What would tell is two accounts that are in the same crowds at the same moments again and again. Each
account's set of (object, moment) is hashed by K independent functions whose minima agree between two accounts with a
probability equal to the Jaccard overlap of the sets (Broder, "On the resemblance and containment of documents",
1997); B bands of R minima make accounts meet that agree on all R of some band (Leskovec, Rajaraman & Ullman, "Mining of
Massive Datasets", 2014, 3.4), with probability 1 - (1 - J^R)^B: 0.99 at an overlap of 0.6, 0.6 at 0.3, 0.001 at 0.03.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from graph import communities

BANDS, ROWS = 32, 3
MERSENNE = np.uint64((1 << 31) - 1)  # (a x + b) mod p stays below 2^63 for a, x below p
GROUPED = 0.1  # density from which accounts found alike are looked at as a group
LARGEST = 3000  # accounts; the pairs of a larger group are left as they were found (4.5 million would be too many)
SEED = 20_260_101  # of the hash functions: part of the method, not of a run


def alike(a: np.ndarray, items: np.ndarray, least: int) -> pd.DataFrame:
    """Pairs of accounts whose sets of items are likely to overlap much.

    Args:
        a: account of each item, shape (n,).
        items: the items as integers, shape (n,); the same item twice counts once.
        least: accounts with fewer distinct items are left out.

    Returns:
        a, z with a < z, sorted, each pair once. The same items in any order give the same rows.
    """
    pairs = np.unique(np.column_stack([a, items]).astype(np.int64), axis=0)
    accounts, starts, sizes = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    enough = sizes >= least
    pairs = pairs[np.repeat(enough, sizes)]
    accounts, sizes = accounts[enough], sizes[enough]
    nobody = pd.DataFrame({"a": np.empty(0, np.int64), "z": np.empty(0, np.int64)})
    if len(accounts) < 2:
        return nobody
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    random = np.random.default_rng(SEED)
    hashed = _mixed(pairs[:, 1])
    found = []
    for _ in range(BANDS):
        band = np.zeros(len(accounts), np.uint64)
        for _ in range(ROWS):
            factor, shift = random.integers(1, int(MERSENNE), 2).astype(np.uint64)
            smallest = np.minimum.reduceat((hashed * factor + shift) % MERSENNE, starts)
            band = (band * np.uint64(1_000_003) + smallest) ^ (smallest << np.uint64(32))
        found.append(_together(band, accounts))
    both = np.unique(np.concatenate(found), axis=0)
    return pd.DataFrame({"a": both[:, 0], "z": both[:, 1]}) if len(both) else nobody


def closed(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs, and all pairs inside the groups they form (CPM, density of at least GROUPED).

    Signatures find a share of the pairs of a large farm; whoever judges how dense it is has to look at all of them.
    """
    groups = communities.find(
        pairs["a"].to_numpy(), pairs["z"].to_numpy(), communities.ClusterConfig((GROUPED,), 1, 3, 0.0), seed=0
    )
    found = [pairs[["a", "z"]].to_numpy(np.int64).reshape(-1, 2)]
    for _, members in groups.groupby("cluster")["account"]:
        if len(members) <= LARGEST:
            one, other = np.triu_indices(len(members), 1)
            found.append(np.column_stack([members.to_numpy()[one], members.to_numpy()[other]]))
    both = np.unique(np.concatenate(found), axis=0)
    return pd.DataFrame({"a": both[:, 0], "z": both[:, 1]})


def _mixed(items: np.ndarray) -> np.ndarray:
    """The finaliser of MurmurHash3 (Appleby), down to 31 bits, so that neighbouring moments are unrelated."""
    x = items.astype(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ (x >> np.uint64(33))) * np.uint64(factor)
    return (x ^ (x >> np.uint64(33))) % MERSENNE


def _together(band: np.ndarray, accounts: np.ndarray) -> np.ndarray:
    """All pairs of accounts with equal values; shape (pairs, 2), the smaller account first."""
    order = np.argsort(band, kind="stable")
    ranked = band[order]
    first = np.searchsorted(ranked, ranked, side="left")
    before = np.arange(len(ranked)) - first  # members of the same bucket that stand before
    later = np.repeat(np.arange(len(ranked)), before)
    offset = np.arange(len(later)) - np.repeat(np.cumsum(before) - before, before)
    return np.column_stack([accounts[order[first[later] + offset]], accounts[order[later]]])
