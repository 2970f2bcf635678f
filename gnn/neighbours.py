"""The graph messages pass along: for each account the accounts whose state flows to it.

An account's neighbourhood is made by its own acts: state flows to it from those it comments on, shares,
messages or follows, from those who were at a rare object before it, and along coordination edges it does
not lead. Nobody can be framed by being followed around.

For `ai_hosted`: coordination edges, and earlier visitors of its rare objects.
For `coordinated`, whose labels come from coordination edges, neither those edges nor co-actions may be
seen: its contacts, and those who were at a rare object at least `APART` (and the detection's window)
before it, minus every pair with a coordination edge. What was left out must not show either, so the
degree the model is told counts contacts alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sparse

from gnn.coordination import coordination_pairs, read_trails
from gnn.window import Floats, Integers, Window
from graph.model import SECOND

MOST = 20  # neighbours an account gets from each source
RARE = 50  # accounts a rare object may have
BUDGET = 20_000_000  # ordered pairs looked at, the rarest objects first
APART = 3600 * SECOND


@dataclass(frozen=True)
class Neighbours:
    """Whose state flows to whom.

    `mean`: float32 CSR [accounts, accounts], each row the mean over an account's neighbours (an account
    without any has an empty row); `degree`: float64 [accounts], the neighbour count the model may know.
    """

    mean: Any
    degree: Floats

    @property
    def links(self) -> int:
        """Ordered pairs along which state flows."""
        return int(self.mean.nnz)


def find_neighbours(window: Window, target: str) -> Neighbours:
    """The message-passing graph for a target (see the module's text)."""
    if target == "coordinated":
        sharers = _sharers(window, coordination_pairs(window), max(APART, window.coaction_window))
        return mean_over(window.size, [_contacts(window), sharers], degree_from=1)
    nobody = np.zeros((0, 2), dtype=np.int64)
    return mean_over(window.size, [read_trails(window).pairs, _sharers(window, nobody, 0)], degree_from=2)


def mean_over(size: int, parts: list[Integers], degree_from: int) -> Neighbours:
    """Neighbours from lists of ordered pairs [pairs, 2] (to, from); `degree` counts the first `degree_from` lists."""

    def matrix(lists: list[Integers]) -> Any:
        pairs = np.concatenate([np.zeros((0, 2), dtype=np.int64), *lists])
        joined = sparse.coo_matrix((np.ones(len(pairs), np.float32), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
        joined = joined.tocsr()  # sums duplicates
        joined.sort_indices()
        joined.data[:] = 1
        return joined

    everything = matrix(parts)
    counts = np.diff(everything.indptr)
    everything.data = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
    degree = np.diff(matrix(parts[:degree_from]).indptr).astype(np.float64)
    return Neighbours(everything, degree)


def _contacts(window: Window) -> Integers:
    return _pairs(window.rows("contacts", since=window.since, until=window.until, most=MOST))


def _sharers(window: Window, barred: Integers, apart: int) -> Integers:
    table = pa.table({"who": pa.array(barred[:, 0], pa.int64()), "other": pa.array(barred[:, 1], pa.int64())})
    window.connection.register("gnn_barred", table)
    return _pairs(window.rows("sharers", rare=RARE, budget=BUDGET, apart=apart, most=MOST))


def _pairs(rows: dict[str, Any]) -> Integers:
    return np.column_stack([np.asarray(rows["who"]), np.asarray(rows["other"])]).astype(np.int64).reshape(-1, 2)
