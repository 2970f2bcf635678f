"""The edge table: what pairs did, in integers, joined with how far chance explains it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from graph.model import EDGES
from graph.significance import Tested

KEY = ["a", "z", "channel"]
SIGNIFICANCE = ["expected", "p_value", "q_value"]


def edge_table(counts: pd.DataFrame, tested: Tested | None, names: np.ndarray) -> pa.Table:
    """The table EDGES (graph.model) of pairs and channels, in the order of `counts`.

    Args:
        counts: a, z, channel, co_actions, objects, first_at, last_at, a_first2 (graph/sql/edges.sql); a_first2 is
            twice the co-actions in which a acted first, a tie counting one.
        tested: significance of the pairs that were tested. A channel with too few objects for a test of its own says
            nothing by itself: expected is null and p is 1. None: nothing was tested.
        names: account ids in order of their integers, shape (accounts,).
    """
    if tested is None:
        rows = counts.assign(expected=np.nan, p_value=1.0, q_value=1.0)
    else:
        significant = pd.concat([tested.per_channel, tested.pairs.assign(channel="all")])
        rows = counts.merge(significant[KEY + SIGNIFICANCE], on=KEY, how="left")
        rows = rows.fillna({"p_value": 1.0, "q_value": 1.0})
    rows["a_first_share"] = rows["a_first2"] / (2 * rows["co_actions"])
    rows["account_a"], rows["account_b"] = names[rows["a"]], names[rows["z"]]
    return EDGES.check(pa.Table.from_pandas(rows[EDGES.columns], preserve_index=False), "edges")
