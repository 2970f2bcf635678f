"""Who is near whom: for each two users, the messages of one that have some of the other on the same key in the window.

Acts are put in order of key and time, so that those around an act lie in one row of neighbours (binary search, as two
pointers would find them). An act of a user counts once beside each neighbour, because only the first neighbour of
a user in the row is taken. What comes out is in order of users, in parts of about PART neighbours: memory does not
grow with the number of edges. Why this is not SQL: docs/decisions/0019.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graph.peers.scratch import Numbers

PART = 1 << 17  # neighbours looked at together: what is made of them stays near the processor
DIGIT = 16  # bits


@dataclass(frozen=True)
class Acts:
    """Messages that take part, a row an act; a message may act on several keys.

    Attributes:
        m, u, k: message, user and key as small integers of 0 or more.
        ts: time in microseconds.
    """

    m: Numbers
    u: Numbers
    k: Numbers
    ts: Numbers


def edges(acts: Acts, window: int, minimum: int = 1, part: int = PART) -> Iterator[tuple[Numbers, Numbers, Numbers]]:
    """Directed edges user_1, user_2, weight, in order of user_1 and user_2, in parts.

    The weight is the number of distinct messages of user_1 with at least one of user_2 on the same key at most
    `window` microseconds before or after. Edges of a weight below `minimum` and loops are left out.
    """
    if len(acts.u) == 0:
        return
    row = _Row(acts, window)
    for x in row.parts(part):
        yield row.edges(x, minimum, part)


def ordered(values: Numbers) -> Numbers:
    """Places of integers of 0 or more in ascending order, equal ones as they stood: np.argsort by radix.

    numpy sorts 16 bits by radix, several times faster than it sorts 64 by comparing.
    """
    order = np.argsort(_digit(values, 0), kind="stable")
    for shift in range(DIGIT, int(values.max(initial=0)).bit_length(), DIGIT):
        order = order[np.argsort(_digit(values[order], shift), kind="stable")]
    return order


def _digit(values: Numbers, shift: int) -> NDArray[np.uint16]:
    return (values >> shift).astype(np.uint16)


class _Row:
    """Acts in order of key and time; those around the act at place x are at places low[x] to high[x] - 1.

    Attributes (one entry a place, but for `by_user`):
        low, high: where the neighbours of an act begin and end, itself among them.
        before: place of the last act before it of the same user on the same key (-1: none).
        by_user: places in order of user.
    """

    def __init__(self, acts: Acts, window: int) -> None:
        order = ordered(acts.ts - acts.ts.min())
        ts = acts.ts[order]
        new = np.r_[True, ts[1:] != ts[:-1]]
        moments, rank = ts[new], np.cumsum(new) - 1
        by_key = ordered(acts.k[order])
        order, rank = order[by_key], rank[by_key]
        key = acts.k[order] * len(moments)
        line = key + rank
        first, last = (np.searchsorted(moments, moments + s * window, "left" if s < 0 else "right") for s in (-1, 1))
        self.low = np.searchsorted(line, key + first[rank])
        self.high = np.searchsorted(line, key + last[rank])
        self.user, self.message, self.users = acts.u[order], acts.m[order], int(acts.u.max()) + 1
        self.by_user = ordered(self.user)
        self.several = int(np.bincount(acts.m).max()) > 1
        self.before = np.full(len(order), -1)
        x, y = self.by_user[:-1], self.by_user[1:]
        again = (self.user[x] == self.user[y]) & (acts.k[order[x]] == acts.k[order[y]])
        self.before[y[again]] = x[again]

    def parts(self, size: int) -> Iterator[Numbers]:
        """The places of `by_user` in parts: whole users with up to `size` neighbours together, or one with more."""
        yield from _parts(self.by_user, self.user[self.by_user], self.high - self.low, size)

    def edges(self, x: Numbers, minimum: int, size: int) -> tuple[Numbers, Numbers, Numbers]:
        """Edges of the users whose acts are at the places `x`, all of them and in order of user."""
        if self.user[x[0]] != self.user[x[-1]] or (self.high - self.low)[x].sum() <= size:
            key, weight = self._weights(x)
        else:  # one user with very many neighbours: some messages after the others, added up
            x = x[ordered(self.message[x])]
            total = np.zeros(self.users, np.int64)
            for some in _parts(x, self.message[x], self.high - self.low, size):
                key, weight = self._weights(some)
                total[key] += weight
            key = np.flatnonzero(total)
            weight = total[key]
        if minimum > 1:
            heavy = weight >= minimum
            key, weight = key[heavy], weight[heavy]
        one = key // self.users
        return one + self.user[x[0]], key - one * self.users, weight

    def _weights(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """Distinct messages among the acts at `x` for each pair of users, in order.

        A pair is one number: the user of the act, counted from the first, times the number of users, and the other.
        """
        user = self.user[x]
        near = self.high[x] - self.low[x]
        ends = np.cumsum(near)
        y = np.arange(ends[-1]) + np.repeat(self.low[x] - (ends - near), near)
        other = self.user[y]
        key = np.repeat((user - user[0]) * self.users, near) + other
        counts = (other != np.repeat(user, near)) & (self.before[y] < np.repeat(self.low[x], near))
        key = np.compress(counts, key)
        if self.several:
            key = self._distinct(key, np.compress(counts, np.repeat(self.message[x], near)))
        key = key[ordered(key)]
        starts = np.flatnonzero(np.r_[True, key[1:] != key[:-1]][: len(key)])
        return key[starts], np.diff(np.r_[starts, len(key)])

    @staticmethod
    def _distinct(key: Numbers, message: Numbers) -> Numbers:
        """One key for each pair of users and message, however many keys they were near on."""
        order = ordered(message)
        order = order[ordered(key[order])]
        key, message = key[order], message[order]
        new = np.r_[True, (key[1:] != key[:-1]) | (message[1:] != message[:-1])]
        return np.compress(new[: len(key)], key)


def _parts(x: Numbers, whose: Numbers, near: Numbers, size: int) -> Iterator[Numbers]:
    """Cut `x` where `whose` changes, into parts with up to `size` neighbours (`near`, by place) where that can be."""
    starts = np.r_[np.flatnonzero(np.r_[True, whose[1:] != whose[:-1]]), len(x)]
    until = np.r_[0, np.cumsum(near[x])][starts]  # neighbours before each start
    at = 0
    while at < len(starts) - 1:
        full = int(np.searchsorted(until, until[at] + size, "right")) - 1
        full = max(full, at + 1)
        yield x[starts[at] : starts[full]]
        at = full
