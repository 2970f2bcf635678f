"""CooRTweet 2.1.3, exactly as it behaves: its pairs and its network, under its own column names.

Righetti and Balluff, "CooRTweet: A Generalized R Software for Coordinated Network Detection" (2025). Written from
its behaviour, quirks included; docs/how-to/peers.md says what they do to results. The input keeps its duplicates and
the order of its file, because the answer depends on both.

Times are counted in whole microseconds. R counts them in floating point, whose steps at today's dates are a quarter
of that, so results differ from R's only where two times lie a window apart to within a microsecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graph.engines import Connection
from graph.errors import InputError
from graph.model import SECOND
from graph.peers.scratch import database, microseconds, quantile, require, window_microseconds
from graph.statements import sql

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("object_id", "account_id", "content_id", "timestamp_share")
MEASURES = ("weight", "avg_time_delta", "n_content_id", "n_content_id_y", "edge_symmetry_score")
# the order in which CooRTweet gives a fast network its attributes
FAST_COLUMNS = (
    "weight_full",
    "weight_fast",
    "avg_time_delta_full",
    "avg_time_delta_fast",
    "n_content_id_full",
    "n_content_id_y_full",
    "n_content_id_fast",
    "n_content_id_y_fast",
    "edge_symmetry_score_full",
    "edge_symmetry_score_fast",
    "weight_threshold_full",
    "weight_threshold_fast",
)


@dataclass(frozen=True)
class CooRTweetConfig:
    """What CooRTweet is asked for, under its own names and with its own defaults.

    Attributes:
        time_window: two shares of an object at most this many seconds apart are a pair (inclusive).
        min_participation: rows an account must have; of a pair, one of the two must have as many in pairs.
        edge_weight: edges whose weight is above this quantile of all weights (0 to 1) are over the threshold.
        fast_window: a narrower window in seconds; with it the answers are those of the fast network.
    """

    time_window: float = 10
    min_participation: int = 2
    edge_weight: float = 0.5
    fast_window: float | None = None

    def __post_init__(self) -> None:
        """Refuse what means nothing. Raises InputError."""
        window_microseconds(self.time_window, "time_window")
        if self.min_participation < 1:
            raise InputError(f"min_participation: {self.min_participation}; expected at least 1")
        if not 0 <= self.edge_weight <= 1:
            raise InputError(f"edge_weight: {self.edge_weight}; expected a quantile from 0 to 1")
        if self.fast_window is not None and window_microseconds(self.fast_window, "fast_window") > (
            window_microseconds(self.time_window, "time_window")
        ):
            raise InputError(f"fast_window: {self.fast_window} s; expected at most the time window, {self.time_window}")


def pairs(table: pa.Table, config: CooRTweetConfig, on: Connection | None = None) -> pa.Table:
    """CooRTweet's detect_groups: one row a pair of shares, the older first; with a fast window, its flag_speed_share.

    Args:
        table: object_id, account_id, content_id (text) and timestamp_share (seconds) in the order of the file.
        config: what is asked.
        on: the database that counts (default: one of its own).

    Returns:
        object_id, content_id, content_id_y, time_delta (seconds; integer if the times are), account_id, account_id_y,
        in CooRTweet's order. With a fast window also time_window_<seconds>: 1 in the fast network, else 0.

    Raises:
        InputError: a column is missing or a time is none.
    """
    with _counted(table, config, on) as (connection, name):
        found: pa.Table = connection.sql(sql("coortweet_named_pairs").format(pairs=name)).to_arrow_table()
        at = found.column_names.index("dt")
        whole = pa.types.is_integer(table["timestamp_share"].type)
        apart = (
            pc.divide(found["dt"], SECOND) if whole else pc.divide(pc.cast(found["dt"], pa.float64()), float(SECOND))
        )
        found = found.set_column(at, "time_delta", apart)
        if config.fast_window is None:
            return found
        fast = connection.sql(f"SELECT fast::BIGINT AS fast FROM {name} ORDER BY place").to_arrow_table()
        return found.append_column(f"time_window_{config.fast_window:.15g}", fast["fast"])


def network(table: pa.Table, config: CooRTweetConfig, on: Connection | None = None) -> pa.Table:
    """CooRTweet's generate_coordinated_network: one row an edge, in its order.

    Args:
        table: as for `pairs`.
        config: what is asked.
        on: the database that counts (default: one of its own).

    Returns:
        from, to and MEASURES (avg_time_delta in seconds), then weight_threshold: 1 over the quantile, else 0. With a
        fast window instead FAST_COLUMNS: each twice, of the full and of the fast network (null where it has no edge).

    Raises:
        InputError: a column is missing or a time is none.
    """
    with _counted(table, config, on) as (connection, name):
        full = _edges(connection, f"SELECT * FROM {name}", config)
        fast = None if config.fast_window is None else _edges(connection, f"SELECT * FROM {name} WHERE fast", config)
        accounts = connection.sql(sql("coortweet_accounts")).to_arrow_table()["account_id"]
    one, two = _ends(full)
    columns: tuple[str, ...]
    if fast is None:
        order, columns = np.arange(len(full)), (*MEASURES, "weight_threshold")
    else:
        full = full.merge(fast, "left", on=["p", "q"], suffixes=("_full", "_fast"))
        place = _places(full)  # the union of two igraphs puts the edges of the last vertices first
        order, columns = np.lexsort((-place[two], -place[one])), FAST_COLUMNS
    ends = {"from": accounts.take(pa.array(one[order])), "to": accounts.take(pa.array(two[order]))}
    rows = full.iloc[order]
    kinds = {c: pa.float64() if c.startswith(("avg", "edge")) else pa.int64() for c in columns}
    return pa.table(ends | {c: pa.array(rows[c], kinds[c], from_pandas=True) for c in columns})


@contextmanager
def _counted(
    table: pa.Table, config: CooRTweetConfig, on: Connection | None
) -> Iterator[tuple[Connection, LiteralString]]:
    """A database that holds the kept pairs, and the name of their table."""
    require(table, COLUMNS, "coortweet")
    shares = pa.table(
        {"n": np.arange(table.num_rows)}
        | {c: pc.cast(table[c], pa.string()) for c in COLUMNS[:3]}
        | {"ts": microseconds(table["timestamp_share"], "timestamp_share")}
    )
    least, window = config.min_participation, window_microseconds(config.time_window, "time_window")
    with database() if on is None else nullcontext(on) as connection:
        connection.register("coortweet_shares", shares)
        connection.execute(sql("coortweet_rows"), {"least": least})
        connection.execute(sql("coortweet_pairs"), {"window": window, "bucket": max(window, 1)})
        kept = sql("coortweet_kept")
        connection.execute(
            kept.format(pairs="coortweet_pairs", kept="coortweet_kept"), {"least": least, "window": window}
        )
        if config.fast_window is None:
            yield connection, "coortweet_kept"
            return
        window = window_microseconds(config.fast_window, "fast_window")
        connection.execute(
            kept.format(pairs="coortweet_kept", kept="coortweet_fast"), {"least": least, "window": window}
        )
        connection.execute(sql("coortweet_flagged"))
        yield connection, "coortweet_flagged"


def _edges(connection: Connection, pairs: LiteralString, config: CooRTweetConfig) -> pd.DataFrame:
    """Edges of a table of pairs: p, q, MEASURES and weight_threshold, in order of their first pair."""
    edges = connection.execute(sql("coortweet_edges").format(pairs=pairs)).df()
    edges["avg_time_delta"] = edges["dt"] / (edges["weight"] * SECOND)
    counts = edges[["n_content_id", "n_content_id_y"]]
    edges["edge_symmetry_score"] = counts.min(axis=1) / counts.max(axis=1)
    weights = edges["weight"].to_numpy(np.int64)
    threshold = quantile(weights, config.edge_weight) if len(weights) else 0.0
    edges["weight_threshold"] = (weights > threshold).astype(np.int64)
    return edges.drop(columns="dt")


def _places(edges: pd.DataFrame) -> np.ndarray:
    """When each account becomes a vertex, shape (accounts,): igraph names those of the first column first."""
    accounts, first = np.unique(np.concatenate([edges["p"], edges["q"]]), return_index=True)
    places = np.zeros(int(accounts.max(initial=-1)) + 1, np.int64)
    places[accounts] = first
    return places


def _ends(edges: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The two accounts of each edge; igraph gives the one that became a vertex first, first."""
    p, q, places = edges["p"].to_numpy(np.int64), edges["q"].to_numpy(np.int64), _places(edges)
    swapped = places[q] < places[p]
    return np.where(swapped, q, p), np.where(swapped, p, q)
