"""Which accounts to review next: where a person's answer would teach the model most.

priority = H(score) * (1 + |score - baseline|) / rank, with H the binary entropy in bits and rank the
account's place by the first two factors in its cluster (accounts outside clusters count as groups of
SHARE each): unsure, disputed, and spread over networks instead of the same question forty times.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gnn.window import Floats, Integers
from graph.model import SUGGESTIONS

MOST = 200
SHARE = 20
LEAST = 0.05  # priority below which a review teaches next to nothing


def suggest(
    accounts: npt.NDArray[np.object_],
    score: Floats,
    baseline: Floats,
    group: Integers,
    reviewed: npt.NDArray[np.bool_],
) -> pa.Table:
    """The table `suggestions`, highest priority first; at most MOST accounts, none that is labelled already.

    Args:
        accounts: ids, sorted.
        score: probability of GraphSAGE.
        baseline: probability of the forest.
        group: number of the account's cluster; len(accounts) or more for clusters, less outside them.
        reviewed: whether a review or the platform has labelled the account.
    """
    unsure = _entropy(score) * (1 + np.abs(score - baseline))
    unsure[reviewed] = 0
    clustered = group >= len(accounts)
    shared = np.where(clustered, group, -1)
    order = np.lexsort((np.arange(len(accounts)), -unsure, shared))
    starts = np.r_[True, shared[order][1:] != shared[order][:-1]] if len(order) else np.zeros(0, dtype=bool)
    position = np.arange(len(order)) - np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    rank = np.empty(len(order))
    rank[order] = position
    rank = np.where(clustered, rank, rank // SHARE) + 1
    priority = np.round(unsure / rank, 6)
    best = np.lexsort((np.arange(len(accounts)), -priority))[:MOST]
    best = best[priority[best] >= LEAST]
    return pa.table(
        {
            "account_id": pa.array(accounts[best], pa.string()),
            "priority": pa.array(priority[best], pa.float64()),
            "reason": pa.array([_reason(score[i], baseline[i], bool(clustered[i])) for i in best], pa.string()),
        },
        schema=SUGGESTIONS.schema,
    )


def _reason(score: float, baseline: float, clustered: bool) -> str:
    doubt = "the two models disagree" if abs(score - baseline) >= 0.25 else "the model is unsure"
    place = "in a cluster" if clustered else "outside every cluster"
    return f"{doubt} (score {score:.2f}, baseline {baseline:.2f}); {place}, not reviewed yet"


def _entropy(p: Floats) -> Floats:
    q = np.clip(p, 1e-12, 1 - 1e-12)
    return -(q * np.log2(q) + (1 - q) * np.log2(1 - q))
