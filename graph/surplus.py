"""Whether a group of accounts holds more edges, and heavier ones, than chance explains.

For edges that nobody tested yet: in a large graph, thousands of triangles are the densest thing nearby and mean
nothing. Chance is a graph in which accounts meet as often as they are popular (Chung & Lu, "Connected components in
random graphs with given expected degree sequences", Annals of Combinatorics 2002). With popularities that add up to A
in a group of s accounts and to B in the rest, it expects

    A^2 (1 - 1/s) / 2   edges inside (at most),   A B   that leave,   B^2 / 2   elsewhere.

A group stands out by many edges inside, few that leave and many elsewhere. How unlikely that is, is bounded by
Chernoff's inequality for each of the three counts, and by the A and B that make it likeliest: popularity is not known,
and a group picked for being dense was also picked for seeming unpopular. So no group is judged by itself alone, and
nothing can be said of one that is the whole graph. Inside, the bound is that of s (s - 1) / 2 pairs which all have the
mean probability (Hoeffding, "On the distribution of the number of successes in independent trials", Ann. Math. Stat.
1956).

Two statistics of what is inside are tried: the number of edges, and the same with a tenth of each edge's *surprise*
added, -log of the share of all edges that weigh as much or more (ranks: one giant weight cannot carry a group). Weight
is taken for independent of who meets whom. The chance of a group is multiplied by the number of groups of its size, by
s (s - 1) / (least size - 1) for the sizes (the shares add up to 1) and by 2 for the statistics. The three counts are
bounded together at what was seen, not over all that would seem as unlikely; how often chance alone makes a cluster is
therefore simulated: bench/leiden.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import gammaln, rel_entr

SURPRISE = 0.1  # what an edge's surprise counts against the edge itself
TILTS = np.geomspace(0.05, 30, 50)  # where Chernoff's bound is evaluated; each gives a valid bound
STEPS, ROUNDS = 24, 3  # popularities tried a round, each round between the neighbours of the best


def log_chance(labels: np.ndarray, a: np.ndarray, z: np.ndarray, weight: np.ndarray, least_size: int) -> np.ndarray:
    """Log of the chance that any group at all stands out as much as each group of a partition does.

    Args:
        labels: group of each node, 0 to groups - 1, shape (nodes,).
        a: one end of each edge, shape (edges,); each pair once.
        z: its other end.
        weight: of each edge, above zero.
        least_size: smaller groups are not judged; at least 2.

    Returns:
        One number a group, shape (groups,); 0 where nothing can be said: a bound of 1 or more, or too small a group.
    """
    sizes = np.bincount(labels)
    inner = labels[a] == labels[z]
    own = labels[a[inner]]
    edges = np.bincount(own, minlength=len(sizes))
    leaving = np.bincount(np.r_[labels[a[~inner]], labels[z[~inner]]], minlength=len(sizes))
    values, which, counts = np.unique(weight, return_inverse=True, return_counts=True)
    surprise = -np.log(np.cumsum(counts[::-1])[::-1] / len(weight))
    held = edges + SURPRISE * np.bincount(own, surprise[which[inner]], minlength=len(sizes))
    means = [np.average(np.exp(tilt * (1 + SURPRISE * surprise)), weights=counts) for tilt in TILTS]

    def of_weight(group: np.ndarray, rate: np.ndarray) -> np.ndarray:
        best = np.zeros(rate.shape)
        for tilt, mean in zip(TILTS, means, strict=True):
            best = np.maximum(best, tilt * held[group, None] - _pairs(sizes[group, None]) * np.log1p(rate * (mean - 1)))
        return best

    def of_count(group: np.ndarray, rate: np.ndarray) -> np.ndarray:
        pairs = _pairs(sizes[group, None])
        share = np.maximum(edges[group, None] / pairs, rate)
        cost: np.ndarray = pairs * (rel_entr(share, rate) + rel_entr(1 - share, 1 - rate))
        return cost

    counted = Counts(sizes, leaving, len(a) - edges - leaving)
    group = np.flatnonzero((sizes >= least_size) & (edges > 0))
    tries = _log_choose(len(labels), sizes[group]) + np.log(2 * _pairs(sizes[group]) / (least_size - 1))
    statistics = [of_count, of_weight] if len(values) > 1 else [of_count]
    found = np.max([_least(counted, group, tries, cost) for cost in statistics], axis=0)
    chance = np.zeros(len(sizes))
    chance[group] = np.minimum(tries + np.log(len(statistics)) - found, 0.0)
    return chance


class Counts(NamedTuple):
    """Of each group of a partition: accounts, edges that leave it, edges elsewhere; each of shape (groups,)."""

    sizes: np.ndarray
    leaving: np.ndarray
    elsewhere: np.ndarray


def _least(
    counts: Counts, group: np.ndarray, enough: np.ndarray, cost: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Least cost (-log of the bound) over all popularities of each group and the rest.

    Args:
        counts: of every group.
        group: those that are judged.
        enough: a cost below it is of no use and need not be exact, shape (judged,).
        cost: of what is inside, given groups and their mean probability of an edge, shape (judged, tried).
    """
    sizes, leaving, elsewhere = (n[group, None].astype(float) for n in counts)
    # popularity at which what is outside is as expected: the lowest that counts; with `sizes`, every pair is an edge
    fitting = leaving / np.sqrt(np.maximum(2 * elsewhere, 1e-9))
    low, high = np.log(np.clip(fitting, 1e-6 * sizes, sizes)), np.log(sizes)
    found = cost(group, np.exp(2 * (low - high)))[:, 0]
    worth = np.flatnonzero(found > enough)
    low, high, sizes, leaving, elsewhere = (n[worth] for n in (low, high, sizes, leaving, elsewhere))
    begin, end = low, high
    for _ in range(ROUNDS):
        tried = begin + (end - begin) * np.linspace(0, 1, STEPS)
        rate = np.exp(np.minimum(2 * (tried - high), 0.0))
        total = cost(group[worth], rate) + _outside(np.exp(tried), leaving, elsewhere)
        best = total.argmin(axis=1)[:, None]
        found[worth] = np.minimum(found[worth], total.min(axis=1))
        step = (end - begin) / (STEPS - 1)
        at = np.take_along_axis(tried, best, axis=1)
        begin, end = np.maximum(at - step, low), np.minimum(at + step, high)
    return found


def _outside(popularity: np.ndarray, leaving: np.ndarray, elsewhere: np.ndarray) -> np.ndarray:
    """Cost of so few edges that leave and so many elsewhere, given the group's popularity, at the rest's likeliest.

    Zero where there are as many as expected, or the popularity is below that.
    """
    rest = (np.sqrt(popularity**2 + 4 * (leaving + 2 * elsewhere)) - popularity) / 2
    few, many = popularity * rest, rest**2 / 2
    cost: np.ndarray = np.where(
        few > leaving, few - leaving + rel_entr(leaving, few) + many - elsewhere + rel_entr(elsewhere, many), 0.0
    )
    return cost


def _pairs(sizes: np.ndarray) -> np.ndarray:
    pairs: np.ndarray = sizes * (sizes - 1) / 2.0
    return pairs


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    chosen: np.ndarray = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen
