"""Co-actions in numba: two pointers along events sorted by object and time. The practical limit on one thread."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _count(a, o, ts, window, begins):
    """Put the number of co-actions whose smaller account is a into begins[a + 1]."""
    n = len(a)
    end = 0
    for x in range(n):
        end = max(end, x + 1)
        while end < n and o[end] == o[x] and ts[end] - ts[x] <= window:
            end += 1
        for y in range(x + 1, end):
            if a[x] != a[y]:
                begins[min(a[x], a[y]) + 1] += 1


@njit(cache=True)
def _emit(a, o, ts, window, at, other, earlier, side):
    """Write each co-action into the part of its smaller account: the other one, the earlier event, whose that is."""
    n = len(a)
    end = 0
    for x in range(n):
        end = max(end, x + 1)
        while end < n and o[end] == o[x] and ts[end] - ts[x] <= window:
            end += 1
        for y in range(x + 1, end):
            if a[x] != a[y]:
                low = min(a[x], a[y])
                place = at[low]
                at[low] += 1
                other[place] = max(a[x], a[y])
                earlier[place] = x
                side[place] = 1 if ts[x] == ts[y] else (2 if a[x] == low else 0)


@njit(cache=True)
def _reduce(o, ts, begins, other, earlier, side, columns):
    """Sort each part by the other account, stably (so by object as well), and add up; returns the number of pairs."""
    low, high, n, objects, first, last, first2 = columns
    pairs = 0
    for account in range(len(begins) - 1):
        begin, stop = begins[account], begins[account + 1]
        order = np.argsort(other[begin:stop], kind="mergesort")
        before, on = -1, -1
        for i in order:
            z, x = other[begin + i], earlier[begin + i]
            if z != before:
                low[pairs], high[pairs], n[pairs], objects[pairs] = account, z, 0, 0
                first[pairs], last[pairs], first2[pairs] = ts[x], ts[x], 0
                pairs += 1
                before, on = z, -1
            row = pairs - 1
            if o[x] != on:
                objects[row] += 1
                on = o[x]
            n[row] += 1
            first2[row] += side[begin + i]
            first[row] = min(first[row], ts[x])
            last[row] = max(last[row], ts[x])
    return pairs


def coactions(a: np.ndarray, o: np.ndarray, ts: np.ndarray, window: int) -> tuple[np.ndarray, ...]:
    """a, z, co_actions, objects, first_at, last_at, a_first2 of every pair of accounts, in order of a, z.

    The time of a co-action is that of its earlier event, as everywhere in Shoal.

    Args:
        a, o, ts: account, object (small non-negative integers) and time of each event, in order of time.
        window: two events lie at most this far apart.
    """
    order = np.argsort(o, kind="stable")  # a radix sort for integers; time stays in order within an object
    a, o, ts = a[order], o[order], ts[order]
    begins = np.zeros(int(a.max()) + 2, np.int64)
    _count(a, o, ts, window, begins)
    np.cumsum(begins, out=begins)
    total = int(begins[-1])
    other, earlier, side = np.empty(total, np.int32), np.empty(total, np.int32), np.empty(total, np.int8)
    _emit(a, o, ts, window, begins[:-1].copy(), other, earlier, side)
    narrow, wide = np.int32, np.int64
    columns = tuple(np.empty(total, kind) for kind in (narrow, narrow, narrow, narrow, wide, wide, narrow))
    pairs = _reduce(o, ts, begins, other, earlier, side, columns)
    return tuple(column[:pairs] for column in columns)
