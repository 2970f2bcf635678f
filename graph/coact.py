"""Co-actions of a log as one edge table, without a run: the significant edges, or every pair with a co-action."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from graph import coaction, significance
from graph.coaction import CoactionConfig
from graph.edges import EdgeMaker
from graph.engines import Connection
from graph.errors import InputError
from graph.log import EventLog
from graph.model import EDGES
from graph.pairs import added_up
from graph.statements import sql

MEMORY = "2500MB"  # of DuckDB; what does not fit goes to disk beside the log
BATCH = 1 << 18  # rows; every pair of a large log is many times what memory holds
STEPS = 4
DECIMAL = re.compile(r"^(-?\d+)\.0+$")


@dataclass(frozen=True)
class CoactConfig:
    """Which co-actions are wanted.

    Attributes:
        coaction: what counts as a co-action.
        fdr: rate of false discoveries among significant edges.
        every: every pair with a co-action, not only significant edges.
        test: whether pairs are tested at all; without it, every pair is wanted.
        channels: channels looked at (empty: all).
        participation: both accounts of a pair must have co-acted on at least so many distinct objects, with anybody.
            Asked of what the test leaves: the crowd that chance is measured on stays whole.
    """

    coaction: CoactionConfig = field(default_factory=CoactionConfig)
    fdr: float = 0.01
    every: bool = False
    test: bool = True
    channels: tuple[str, ...] = ()
    participation: int = 1

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if not 0 < self.fdr < 1:
            raise InputError(f"fdr: {self.fdr}; expected a rate between 0 and 1")
        if self.participation < 1:
            raise InputError(f"participation: {self.participation}; expected at least 1")
        if not self.test and not self.every:
            raise InputError("without a test no edge is significant; ask for every pair")


@dataclass(frozen=True)
class Coacted:
    """What was found.

    Attributes:
        edges: the table EDGES (graph.model) in order of accounts and channel, in batches, to be read once and before
            the connection is closed.
        facts: since, until, actions, accounts, channels (actions on each); and, if tested: pairs_tested (strangers,
            kin), candidates, significant.
        look_alikes: pairs of account ids that differ only in case, in blanks around them or as `1` and `1.0` do.
    """

    edges: pa.RecordBatchReader
    facts: dict[str, Any]
    look_alikes: list[tuple[str, str]]


@contextmanager
def connected(log: EventLog, engine: str) -> Iterator[Connection]:
    """A connection to the log on `duckdb` or `spark`; its work space lies beside the log."""
    if engine == "spark":
        from graph.spark import spark_connection

        with spark_connection(log) as connection:
            yield connection
        return
    with log.connect(memory=MEMORY) as connection:
        connection.execute("SET temp_directory = $folder", {"folder": str(log.root / ".spill")})
        yield connection


def coact(
    connection: Connection,
    config: CoactConfig,
    since: int | None = None,
    until: int | None = None,
    advance: Callable[[float], None] = lambda _: None,
) -> Coacted:
    """Find co-actions in the data window (microseconds UTC, `until` exclusive; by default all of the log).

    `advance` is told of STEPS steps; the edges are made after that, while they are read.

    Raises InputError for a data window that is upside down and for channels on which nobody acted.
    """
    facts = _data_window(connection, since, until)
    coaction.prepare(connection, facts["since"], facts["until"])
    _only_channels(connection, config.channels)
    names = coaction.account_names(connection)
    facts |= {"accounts": len(names), "channels": {row[0]: row[1] for row in _looked_at(connection)}}
    advance(1)
    tested, kept = None, pd.DataFrame({"a": [], "z": []}, dtype=np.int64)
    if config.test:
        found = coaction.count(connection, config.coaction)
        advance(1)
        tested = significance.test(found, config.fdr)
        advance(1)
        kept = tested.pairs[tested.pairs["q_value"] <= config.fdr]
        facts |= {"pairs_tested": found.pairs_tested, "candidates": len(tested.pairs), "significant": len(kept)}
    if config.participation > 1:
        given = {"window": int(config.coaction.window), "least": int(config.participation)}
        connection.execute(sql("taking_part").format(**given))
    maker = EdgeMaker(tested, names)
    advance(1)
    batches = _every(connection, config) if config.every else _significant(connection, config, kept)
    edges = (batch for counts in batches for batch in maker(counts).to_batches())
    return Coacted(pa.RecordBatchReader.from_batches(EDGES.schema, edges), facts, look_alikes(names))


def look_alikes(names: np.ndarray) -> list[tuple[str, str]]:
    """Pairs of ids that differ only in case, in blanks around them, or as the texts `1` and `1.0` do; in order."""
    first: dict[str, str] = {}
    found = []
    for name in names:
        other = first.setdefault(DECIMAL.sub(r"\1", name.strip().lower()), name)
        if other != name:
            found.append((other, name))
    return found


def _data_window(connection: Connection, since: int | None, until: int | None) -> dict[str, Any]:
    first, newest = connection.execute('SELECT min("at"), max("at") FROM actions').fetchall()[0]
    since = (first or 0) if since is None else since
    until = (newest or 0) + 1 if until is None else until
    if since >= until:
        raise InputError("--since lies at or after --until, or outside of what the files hold")
    inside = 'SELECT count(*) FROM actions WHERE "at" >= $since AND "at" < $until'
    given = {"since": since, "until": until}
    return {**given, "actions": connection.execute(inside, given).fetchall()[0][0]}


def _only_channels(connection: Connection, channels: tuple[str, ...]) -> None:
    """Leave the actions on these channels alone in the table events (all, if none is given)."""
    if not channels:
        return
    there = [row[0] for row in connection.execute("SELECT DISTINCT channel FROM actions ORDER BY channel").fetchall()]
    for channel in channels:
        if channel not in there:
            raise InputError(f"channel: nobody acted on {channel!r}; there are {', '.join(there) or 'no actions'}")
    connection.register("wanted", pa.table({"channel": sorted(set(channels))}))
    connection.execute(sql("events_on"))
    connection.unregister("wanted")


def _looked_at(connection: Connection) -> list[tuple[str, int, int]]:
    """Channel, actions and interactions, in order of channel."""
    return connection.execute(sql("looked_at")).fetchall()


def _significant(connection: Connection, config: CoactConfig, kept: pd.DataFrame) -> Iterator[pa.Table]:
    """Counts of the kept pairs whose accounts take part."""
    if config.participation > 1:
        there = connection.execute("SELECT a FROM taking_part").df()["a"]
        kept = kept[kept["a"].isin(there) & kept["z"].isin(there)]
    yield pa.Table.from_pandas(coaction.edge_counts(connection, kept, config.coaction), preserve_index=False)


def _every(connection: Connection, config: CoactConfig) -> Iterator[pa.Table]:
    """Counts of every pair with a co-action."""
    if config.participation > 1:
        connection.execute(sql("events_of"))
    looked_at, window = _looked_at(connection), {"window": config.coaction.window}
    plain = len(looked_at) == 1 and looked_at[0][1] == looked_at[0][2]
    if not plain:
        yield from _batches(connection, "coactions", window)
        return
    both = sorted([looked_at[0][0], "all"])
    met = connection.sql(sql("coactions_plain"), params=window).to_arrow_reader(BATCH)
    for pairs in added_up(met):
        twice = pairs.take(np.repeat(np.arange(pairs.num_rows), 2))
        yield twice.append_column("channel", pa.array(both * pairs.num_rows, pa.string()))


def _batches(connection: Connection, name: str, given: dict[str, int]) -> Iterator[pa.Table]:
    """The rows of a query, in batches."""
    for batch in connection.sql(sql(name), params=given).to_arrow_reader(BATCH):
        yield pa.Table.from_batches([batch])
