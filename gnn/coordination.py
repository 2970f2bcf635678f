"""Coordination edges as a model may read them: what others do to an account must not raise its score.

Fifty bots that trail a genuine account give it fifty coordination edges. So an edge counts for, and passes
state to, an account only if the account is not the one who leads: whoever came first in LEADS or more of
the co-actions was followed, and learns nothing from the follower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc

from gnn.window import Floats, Integers, Window

LEADS = 0.9


@dataclass(frozen=True)
class Trails:
    """Directed: account `to` trails or moves with account `of`; all [pairs]. `co_actions` along the edge."""

    to: Integers
    of: Integers
    co_actions: Floats

    @property
    def pairs(self) -> Integers:
        """Pairs (to, of), int64 [pairs, 2]."""
        return np.column_stack([self.to, self.of])


def coordination_pairs(window: Window) -> Integers:
    """Every pair with a coordination edge, both ways; int64 [pairs, 2]."""
    a, b, _, _ = _edges(window)
    return np.column_stack([np.concatenate([a, b]), np.concatenate([b, a])])


def read_trails(window: Window) -> Trails:
    """The coordination edges without their leaders' side."""
    a, b, a_first, co_actions = _edges(window)
    a_trails, b_trails = a_first < LEADS, 1 - a_first < LEADS
    return Trails(
        np.concatenate([a[a_trails], b[b_trails]]),
        np.concatenate([b[a_trails], a[b_trails]]),
        np.concatenate([co_actions[a_trails], co_actions[b_trails]]),
    )


def _edges(window: Window) -> tuple[Integers, Integers, Floats, Floats]:
    """Of each coordination edge (channel `all`): both accounts, share in which the first led, co-actions."""
    edges = window.source.table("edges", ["account_a", "account_b", "channel", "a_first_share", "co_actions"])
    edges = edges.filter(pc.equal(edges["channel"], "all"))
    a, b = window.numbers(edges["account_a"]), window.numbers(edges["account_b"])
    known = (a >= 0) & (b >= 0)
    first = edges["a_first_share"].fill_null(0.5).to_numpy().astype(np.float64)
    times = edges["co_actions"].fill_null(0).to_numpy().astype(np.float64)
    return a[known], b[known], first[known], times[known]
