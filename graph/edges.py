"""The edge table: what pairs did, in integers, joined with how far chance explains it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from graph.model import EDGES
from graph.significance import Tested

SIGNIFICANCE = ("expected", "p_value", "q_value")


def edge_table(counts: pd.DataFrame, tested: Tested | None, names: np.ndarray) -> pa.Table:
    """The table EDGES (graph.model) of pairs and channels, in the order of `counts`.

    Args:
        counts: a, z, channel, co_actions, objects, first_at, last_at, a_first2 (graph/sql/edges.sql); a_first2 is
            twice the co-actions in which a acted first, a tie counting one.
        tested: significance of the pairs that were tested. A channel with too few objects for a test of its own says
            nothing by itself: expected is null and p is 1. None: nothing was tested.
        names: account ids in order of their integers, shape (accounts,).
    """
    rows = pa.Table.from_pandas(counts, preserve_index=False)
    return EdgeMaker(tested, names)(rows)


class EdgeMaker:
    """Makes rows of the table EDGES from rows of counts, a part at a time.

    Every float is a function of its row alone, so that parts and order change nothing.
    """

    def __init__(self, tested: Tested | None, names: np.ndarray) -> None:
        self._names = pa.array(names, pa.string())
        self._channels: list[str] = []
        self._keys = np.empty(0, np.int64)
        self._values = {name: np.empty(0) for name in SIGNIFICANCE}
        if tested is None:
            return
        significant = pd.concat([tested.per_channel, tested.pairs.assign(channel="all")], ignore_index=True)
        self._channels = sorted(set(significant["channel"]))
        code = pd.Categorical(significant["channel"], categories=self._channels).codes
        keys = self._key(significant["a"].to_numpy(), significant["z"].to_numpy(), code.astype(np.int64))
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        self._values = {name: significant[name].to_numpy(np.float64)[order] for name in SIGNIFICANCE}

    def _key(self, a: np.ndarray, z: np.ndarray, channel: np.ndarray) -> np.ndarray:
        """One integer a pair and channel; accounts and channels are few enough for 63 bits."""
        accounts, channels = max(len(self._names), 1), max(len(self._channels), 1)
        key: np.ndarray = (a.astype(np.int64) * accounts + z) * channels + channel
        return key

    def __call__(self, counts: pa.Table) -> pa.Table:
        """The rows of `counts` (see edge_table) as rows of EDGES, in their order."""
        channel = counts["channel"].cast(pa.string())
        a, z = counts["a"].to_numpy(), counts["z"].to_numpy()
        code = pc.fill_null(pc.index_in(channel, pa.array(self._channels, pa.string())), -1).to_numpy()
        key = self._key(a, z, code.astype(np.int64))
        place = np.searchsorted(self._keys, key)
        known = (code >= 0) & (place < len(self._keys))
        known[known] = self._keys[place[known]] == key[known]
        found = {name: np.ones(len(a)) for name in SIGNIFICANCE}
        for name, values in self._values.items():
            found[name][known] = values[place[known]]
        first2, co_actions = counts["a_first2"].to_numpy(), counts["co_actions"].to_numpy()
        columns = {
            "account_a": self._names.take(pa.array(a)),
            "account_b": self._names.take(pa.array(z)),
            "channel": channel,
            **{name: counts[name] for name in ("co_actions", "objects", "first_at", "last_at")},
            "a_first_share": first2 / (2 * co_actions),
            "expected": pa.array(found["expected"], mask=~known),
            "p_value": found["p_value"],
            "q_value": found["q_value"],
        }
        return EDGES.check(pa.table(columns), "edges")
