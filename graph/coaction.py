"""Co-actions: who acted on the same object, on the same channel, within the window.

All counting is SQL (graph/sql/), all of it in integers; floats are computed once, afterwards, in
graph.significance. The plan is the bucket equi-join of docs/decisions/0003.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from graph import signatures
from graph.engines import Connection
from graph.errors import InputError
from graph.model import SECOND
from graph.statements import sql

MAX_WINDOW = 86_400 * SECOND
EXACT_PAIRS = 20_000_000  # of actions; beyond them, the number of pairs tested is estimated from a sample of accounts
RARE = 0.05  # share of accounts; a registration client that more of them have says nothing


@dataclass(frozen=True)
class CoactionConfig:
    """What counts as a co-action, and which pairs are looked at.

    Attributes:
        window: a co-action's two actions lie at most this far apart (microseconds, inclusive).
        horizon: chance is estimated among actions at most this far apart (microseconds, inclusive).
        scales: the test looks at these fractions of window and horizon, widest first: a wide window sees slow
            networks, a narrow one tells fast networks from a fast crowd.
        least_objects: pairs with co-actions on fewer objects of a channel can have no edge.
        crowd: an action that more than so many actions of others surround (same object, within the window) is *hot*.
            Pairs are not looked for among hot actions one by one; accounts that are in the same crowds at the same
            moments are found by signature (graph.signatures). Whatever pair is looked at is counted on all its actions.
    """

    window: int = 300 * SECOND
    horizon: int = 5 * 3600 * SECOND
    scales: tuple[float, ...] = (1.0, 0.2)
    least_objects: int = 3
    crowd: int = 500

    def __post_init__(self) -> None:
        """Refuse windows that mean nothing."""
        if not 0 < self.window <= MAX_WINDOW:
            raise InputError(f"window: {self.window / SECOND} s; expected more than 0 and at most one day")
        if self.horizon < 2 * self.window:
            raise InputError("horizon: expected at least twice the window")
        if self.crowd < 1:
            raise InputError(f"crowd: {self.crowd}; expected at least 1")


@dataclass(frozen=True)
class Scale:
    """What candidates did at one scale.

    Attributes:
        meetings: one row a candidate and object: pair, o, near, met (event pairs within horizon and window).
        even_rate: share of near pairs that met, were actions spread evenly over the horizon.
        crowds: given the suspected accounts (a boolean for each, in order of a): one row an object that anybody else
            acted on, with o, near and met over all pairs of actions of two of the others.
    """

    meetings: pd.DataFrame
    even_rate: float
    crowds: Callable[[np.ndarray], pd.DataFrame]


@dataclass(frozen=True)
class Coactions:
    """Candidate pairs and what they did, in integers.

    Attributes:
        candidates: one row a pair and channel: pair, a, z, channel, kin (they share a rare trait).
        channels: for each pair of the candidates, in order of a, z: on how many channels it passes the activity filter.
        scales: their meetings at each scale, widest first.
        channel_of: channel of each object, in order of o.
        accounts: how many accounts there are.
        pairs_tested: pairs of accounts that pass the activity filter, apart for strangers and kin.
        hot: what was treated by signature: objects, actions, alike (pairs of accounts looked at because of it).
    """

    candidates: pd.DataFrame
    channels: np.ndarray
    scales: tuple[Scale, ...]
    channel_of: np.ndarray
    accounts: int
    pairs_tested: dict[str, int]
    hot: dict[str, int]


def prepare(connection: Connection, since: int, until: int) -> None:
    """Make the integer tables account_ids, object_ids, events and traits of the data window."""
    for name in ("accounts", "objects", "events"):
        connection.execute(sql(name), {"since": since, "until": until})
    connection.execute(sql("traits"), {"rare": RARE})


def count(connection: Connection, config: CoactionConfig, exact_pairs: int = EXACT_PAIRS) -> Coactions:
    """Find candidate pairs and count their meetings. Needs `prepare`. `exact_pairs`: as EXACT_PAIRS."""
    hot = _hot(connection, config)
    connection.execute(sql("candidates"), {"window": config.window, "least": config.least_objects})
    connection.unregister("alike")
    return Coactions(
        candidates=connection.execute("SELECT pair, a, z, channel, kin FROM candidates ORDER BY pair").df(),
        channels=connection.execute(sql("channels"), {"horizon": config.horizon, "least": config.least_objects})
        .df()["channels"]
        .to_numpy(np.int64),
        scales=tuple(
            _scale(connection, round(config.window * part), round(config.horizon * part)) for part in config.scales
        ),
        channel_of=connection.execute("SELECT channel FROM object_ids ORDER BY o").df()["channel"].to_numpy(),
        accounts=connection.execute("SELECT count(*) FROM account_ids").fetchall()[0][0],
        pairs_tested=_pairs_tested(connection, config, exact_pairs),
        hot=hot,
    )


def _hot(connection: Connection, config: CoactionConfig) -> dict[str, int]:
    """Make the table hot, and register the table alike (a, z): accounts in the same crowds at the same moments."""
    connection.execute(sql("hot").format(window=int(config.window), crowd=int(config.crowd)))
    hot = connection.execute("SELECT a, o, ts FROM hot").df()
    # moments of half a window, so that two actions within one mostly share one
    moment, fastest = np.unique(hot["ts"].to_numpy(np.int64) // max(1, config.window // 2), return_inverse=True)
    items = hot["o"].to_numpy(np.int64) * max(1, len(moment)) + fastest.ravel()
    pairs = signatures.closed(signatures.alike(hot["a"].to_numpy(np.int64), items, config.least_objects))
    connection.register("alike", pa.Table.from_pandas(pairs, preserve_index=False))
    return {"objects": int(hot["o"].nunique()), "actions": len(hot), "alike": len(pairs)}


def _scale(connection: Connection, window: int, horizon: int) -> Scale:
    meetings = connection.execute(sql("meetings"), {"window": window, "horizon": horizon}).df()

    def crowds(suspects: np.ndarray) -> pd.DataFrame:
        connection.register("suspects", pa.table({"a": np.flatnonzero(suspects)}))
        found = connection.execute(sql("crowds").format(window=int(window), horizon=int(horizon))).df()
        connection.unregister("suspects")
        return found

    return Scale(meetings, window / horizon, crowds)


def _pairs_tested(connection: Connection, config: CoactionConfig, exact_pairs: int) -> dict[str, int]:
    """Pairs that pass the activity filter; in a large log estimated from a sample of accounts.

    An estimate is raised by two standard errors: sampling shall not make an edge significant.
    """
    near: int = connection.execute(sql("near_pairs").format(horizon=int(config.horizon))).fetchall()[0][0]
    modulus = max(1, near // exact_pairs)
    given = {"horizon": config.horizon, "least": config.least_objects, "modulus": modulus}
    found = {kin: (pairs, squares) for kin, pairs, squares in connection.execute(sql("pairs_tested"), given).fetchall()}
    tested = {}
    for name, kin in (("strangers", False), ("kin", True)):
        pairs, squares = found.get(kin, (0, 0))
        error = (squares * (1 - 1 / modulus)) ** 0.5
        tested[name] = math.ceil((pairs + 2 * error) * modulus / 2)
    return tested


def edge_counts(connection: Connection, kept: pd.DataFrame, config: CoactionConfig) -> pd.DataFrame:
    """The integer columns of the edge table for the kept pairs (columns a, z), sorted by a, z, channel."""
    connection.register("kept", pa.Table.from_pandas(kept[["a", "z"]], preserve_index=False))
    counts = connection.execute(sql("edges"), {"window": config.window}).df()
    connection.unregister("kept")
    return counts


def account_names(connection: Connection) -> np.ndarray:
    """Account ids in order of their integer, shape (accounts,)."""
    names: np.ndarray = (
        connection.execute("SELECT account_id FROM account_ids ORDER BY a").df()["account_id"].to_numpy()
    )
    return names
