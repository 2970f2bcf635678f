"""Pictures that are near copies of one another are one object, so that a mirror image or a cut edge hides nothing.

A picture belongs to the first picture (in the order in which they are met) that it is near to and that leads: at most
`NEAR` bits between one's hash and any variant of the other's. What is near to no leader leads. So objects are only ever
added, and never merged: two pictures that resemble a third one, but not one another, can be two objects.

Near hashes are found without comparing all pairs. A hash is cut into 16 bands of 16 bits; among 31 differing bits or
fewer, one band has at most one of them (16 x 2 = 32 would be needed otherwise). So it is enough to look up each band as
it is and with each of its bits flipped (Norouzi, Punjani & Fleet, "Fast search in Hamming space with multi-index
hashing", CVPR 2012), and none is missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.media import NEAR, MediaHash

Words = NDArray[np.uint64]
Places = NDArray[np.int64]

BANDS = 16
_PROBES = np.concatenate([[0], 1 << np.arange(16)]).astype(np.uint16)
_CANDIDATES = 2**20  # pairs compared at a time
_BLOCK = 8192  # pictures taken at a time


def group(variants: Words, led: int = 0) -> Places:
    """The leader of every picture, as its place.

    Args:
        variants: shape (pictures, variants, 4): hashes of usable quality (ingest.media.MediaHash.words), in the order
            in which the pictures were met.
        led: so many of the first ones are leaders already, from earlier calls; so none of them is near to another.

    Returns:
        shape (pictures,): the place of the picture that each belongs to; its own where it leads.
    """
    if not len(variants):
        return np.empty(0, np.int64)
    flat = np.ascontiguousarray(variants).reshape(len(variants), -1)
    # the same file over and over is one question
    _, where, same = np.unique(flat, axis=0, return_index=True, return_inverse=True)
    first = where[same.ravel()].astype(np.int64)
    leader = first.copy()
    leaders = np.arange(led, dtype=np.int64)
    for start in range(led, len(flat), _BLOCK):
        block = np.arange(start, min(start + _BLOCK, len(flat)), dtype=np.int64)
        block = block[first[block] == block]
        old = _first_near(variants[block], variants[leaders])
        leader[block[old >= 0]] = leaders[old[old >= 0]]
        block = block[old < 0]
        leads = _lead(variants[block])
        leader[block] = block[leads]
        leaders = np.concatenate([leaders, block[leads == np.arange(len(block))]])
    return leader[first]


def object_ids(hashes: Sequence[Mapping[str, Any] | None], known: Sequence[Mapping[str, Any]] = ()) -> list[str | None]:
    """The object that each picture is, named after its leader's hash: `media:` and 64 hexadecimal digits.

    Args:
        hashes: the field `hash` of what `shoal check-media --json` says, in the order in which the pictures were met.
        known: the same of pictures that lead from earlier on.

    Returns:
        an id for each of `hashes`; None where there is no hash, or too little to see for near hashes to mean anything.

    Raises:
        InputError: a hash is not as check-media writes it.
    """
    lead = [MediaHash.read(plain) for plain in known]
    met = [None if plain is None else MediaHash.read(plain) for plain in hashes]
    seen = [(n, found) for n, found in enumerate(met) if found is not None and found.usable]
    every = [*lead, *(found for _, found in seen)]
    ids: list[str | None] = [None] * len(met)
    if seen:
        leaders = group(np.stack([found.words for found in every]), len(lead))[len(lead) :]
        for (n, _), leader in zip(seen, leaders.tolist(), strict=True):
            ids[n] = f"media:{every[leader].plain()['pdq']}"
    return ids


def near_pairs(queries: Words, targets: Words) -> tuple[Places, Places]:
    """All pairs of a query and a target at most NEAR bits apart, each once, in order.

    Args:
        queries: shape (n, 4).
        targets: shape (m, 4).
    """
    asked, held = _bands(queries), _bands(targets)
    found = np.empty(0, np.int64)
    for band in range(BANDS):
        order = np.argsort(held[:, band], kind="stable")
        begins = np.concatenate([[0], np.cumsum(np.bincount(held[:, band], minlength=2**16))])
        probes = asked[:, band, None] ^ _PROBES
        sizes = (begins[probes.astype(np.int64) + 1] - begins[probes]).ravel()
        upto = np.cumsum(sizes)
        parts = []
        at = 0
        while at < len(sizes):
            done = int(upto[at - 1]) if at else 0
            end = max(int(np.searchsorted(upto, done + _CANDIDATES, side="right")), at + 1)
            parts.append(_compared(queries, targets, order, begins, probes.ravel()[at:end], sizes[at:end], at))
            at = end
        found = np.unique(np.concatenate([found, *parts]))
    return found // max(len(targets), 1), found % max(len(targets), 1)


def _bands(words: Words) -> NDArray[np.uint16]:
    return np.ascontiguousarray(words).view(np.uint16).reshape(-1, BANDS)


def _compared(
    queries: Words,
    targets: Words,
    order: Places,
    begins: Places,
    probes: NDArray[np.uint16],
    sizes: Places,
    at: int,
) -> Places:
    """Of the candidates of some probes, those that are near: query * len(targets) + target."""
    asking = np.repeat(np.arange(at, at + len(sizes)) // len(_PROBES), sizes)
    within = np.arange(len(asking)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    target = order[np.repeat(begins[probes], sizes) + within]
    apart = np.bitwise_count(queries[asking] ^ targets[target]).sum(axis=1)
    near = apart <= NEAR
    found: Places = asking[near] * len(targets) + target[near]
    return found


def _alike(some: Words, others: Words) -> tuple[Places, Places]:
    """Pairs of pictures of which any variant of one is near to the other as it is."""
    count = some.shape[1]
    left, right = near_pairs(some.reshape(-1, 4), others[:, 0])
    again, back = near_pairs(some[:, 0], others.reshape(-1, 4))
    return np.concatenate([left // count, again]), np.concatenate([right, back // count])


def _first_near(block: Words, leaders: Words) -> Places:
    """The first leader that each picture is near to, or -1."""
    first = np.full(len(block), len(leaders), np.int64)
    if len(block) and len(leaders):
        picture, leader = _alike(block, leaders)
        np.minimum.at(first, picture, leader)
    return np.where(first == len(leaders), -1, first)


def _lead(block: Words) -> Places:
    """The leader of each picture among themselves, as its place in the block."""
    own = np.arange(len(block), dtype=np.int64)
    if not len(block):
        return own
    left, right = _alike(block, block)
    earlier, later = np.minimum(left, right), np.maximum(left, right)
    earlier, later = earlier[earlier != later], later[earlier != later]
    leads, open_ = np.zeros(len(block), np.bool_), np.ones(len(block), np.bool_)
    while open_.any():
        follows = np.zeros(len(block), np.bool_)
        waits = np.zeros(len(block), np.bool_)
        follows[later[leads[earlier]]] = True
        open_ &= ~follows
        waits[later[open_[earlier]]] = True
        new = open_ & ~waits  # nothing before it can lead it any more
        leads |= new
        open_ &= ~new
    led = leads[earlier] & ~leads[later]
    np.minimum.at(own, later[led], earlier[led])
    return own
