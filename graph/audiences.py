"""Object communities: objects that the same people act on (an interest, a language, a circle).

Objects are linked where one account acted on both, and grouped by Leiden with modularity, which allows for popularity
as its own null does: a hit shares its audience with everything and binds nothing. All links of an account with n
objects would be n^2; each account draws RINGS random rings through its objects instead, so that the cost is linear in
actions and every account links each of its objects equally often, however much it did.

Leiden finds groups in noise too. The groups stand only if they bind clearly better than those found in the same way
after all accounts were shuffled over all actions (degrees kept, interests gone); else there is one community.
"""

from __future__ import annotations

import graspologic_native
import numpy as np
from scipy.sparse import coo_array, csr_array

RINGS = 3
CLEARLY = 0.05  # modularity above that of shuffled accounts


def find(account: np.ndarray, thing: np.ndarray, things: int, seed: int) -> np.ndarray:
    """The community of each object.

    Args:
        account: who acted, of each action, shape (actions,).
        thing: on what, shape (actions,); things are numbered 0 to things - 1.
        things: how many objects there are.
        seed: of the rings and of Leiden. The same actions in any order give the same communities.

    Returns:
        Communities numbered from 0, largest first, shape (things,); all 0 where the log shows none.
    """
    if len(account) == 0:
        return np.zeros(things, dtype=np.int64)
    both = np.unique(np.column_stack([account, thing]).astype(np.int64), axis=0)
    random = np.random.default_rng(seed)
    labels, quality = _grouped(_links(both[:, 0], both[:, 1], things, random), seed)
    _, by_chance = _grouped(_links(random.permutation(both[:, 0]), both[:, 1], things, random), seed)
    if quality < by_chance + CLEARLY:
        return np.zeros(things, dtype=np.int64)
    numbers, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(numbers), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(numbers))
    ranked: np.ndarray = rank[labels.ravel()]
    return ranked


def _links(account: np.ndarray, thing: np.ndarray, things: int, random: np.random.Generator) -> csr_array:
    """How often two things follow one another on an account's rings; symmetric, shape (things, things)."""
    rows, columns = [], []
    for _ in range(RINGS):
        order = np.lexsort([random.random(len(account)), account])
        own = account[order]
        begins = np.r_[True, own[1:] != own[:-1]]
        first = np.flatnonzero(begins)
        following = np.arange(1, len(own) + 1)
        following[np.r_[first[1:], len(own)] - 1] = first  # the last is followed by the first
        rows.append(thing[order])
        columns.append(thing[order][following])
    x, y = np.concatenate(rows), np.concatenate(columns)
    x, y = x[(apart := x != y)], y[apart]
    links = coo_array((np.ones(2 * len(x)), (np.r_[x, y], np.r_[y, x])), shape=(things, things)).tocsr()
    links.sum_duplicates()
    links.sort_indices()
    return links


def _grouped(links: csr_array, seed: int) -> tuple[np.ndarray, float]:
    """Modularity Leiden: a label of each thing, shape (things,), and the modularity."""
    things = links.shape[0]
    if links.nnz == 0:
        return np.zeros(things, dtype=np.int64), 0.0
    quality, labels = graspologic_native.leiden_csr(
        links.indptr.astype(np.int64),
        links.indices.astype(np.int32),
        links.data,
        things,
        resolution=1.0,
        use_modularity=True,
        iterations=2,
        seed=seed,
    )
    return np.fromiter((labels.get(thing, -1) for thing in range(things)), np.int64, things), float(quality)
