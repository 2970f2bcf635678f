"""What a model may look at: one run's accounts, and the event log within the run's data window.

A `Window` numbers the accounts of the run's behaviour table 0, 1, ... in lexicographic order and
materialises the events and touches of the data window once; every query of gnn/sql reads those.
Queries return whole numbers, or floats made of exact whole sums, so no result depends on the order in
which threads meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, LiteralString

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graph.errors import InputError
from graph.log import EventLog
from graph.runs import Building, Run

Source = Building | Run
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_HERE = Path(__file__).parent


@cache
def sql(name: str) -> LiteralString:
    """Text of gnn/sql/<name>.sql. Raises FileNotFoundError if there is none."""
    text: LiteralString = (_HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return text


def data_window(source: Source) -> tuple[int, int]:
    """The data window of a run: since and until, microseconds UTC, until exclusive.

    Raises InputError where the run's key names none.
    """
    key = _key(source)
    try:
        return int(key["window"]["since"]), int(key["window"]["until"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{source.path}: the run's key has no data window (window.since, window.until)") from error


@dataclass(frozen=True)
class Window:
    """The accounts of a run and a connection to the log; made by `open_window`.

    Attributes:
        source: the run, finished or in the making.
        accounts: ids of the run's accounts, sorted; position = the number `who` in SQL.
        since: first microsecond of the data window, UTC.
        until: its end, exclusive.
        connection: DuckDB with the log's views and gnn_who, gnn_events, gnn_touches, gnn_made.
    """

    source: Source
    accounts: npt.NDArray[np.object_]
    since: int
    until: int
    connection: Any

    @property
    def coaction_window(self) -> int:
        """The widest gap of a co-action in this run, microseconds; 0 if its key does not say."""
        key = _key(self.source)
        return int(key.get("detect", {}).get("coaction", {}).get("window", 0))

    @property
    def size(self) -> int:
        """Number of accounts."""
        return len(self.accounts)

    def rows(self, name: str, **parameters: int) -> dict[str, Any]:
        """The columns of a query of gnn/sql as numpy arrays; nulls come as masked arrays."""
        columns: dict[str, Any] = self.connection.execute(sql(name), parameters).fetchnumpy()
        return columns

    def make(self, name: str, **parameters: int) -> None:
        """Run a statement of gnn/sql that makes a temporary table."""
        self.connection.execute(sql(name), parameters)

    def numbers(self, ids: pa.ChunkedArray) -> Integers:
        """The number of each account id; -1 for accounts that are not in the window."""
        found = pc.index_in(ids, value_set=pa.array(self.accounts, pa.string()))
        return np.asarray(found.fill_null(-1).to_numpy(), dtype=np.int64)

    def column(self, ids: Any, values: Any, fill: float) -> Floats:
        """One value an account: `values` at the numbers `ids`, `fill` elsewhere and where a value is null."""
        out = np.full(self.size, fill, dtype=np.float64)
        out[np.asarray(ids)] = np.ma.filled(np.ma.asarray(values).astype(np.float64), fill)
        return out

    def histogram(self, ids: Any, bins: Any, counts: Any, width: int) -> Floats:
        """A matrix [accounts, width] of counts."""
        out = np.zeros((self.size, width))
        np.add.at(out, (np.asarray(ids), np.asarray(bins)), np.asarray(counts, dtype=np.float64))
        return out


@contextmanager
def open_window(source: Source, log: EventLog) -> Iterator[Window]:
    """Open the log for the accounts and the data window of a run.

    Raises InputError where the run's key names no data window.
    """
    since, until = data_window(source)
    ids = np.sort(np.asarray(source.table("behaviour", ["account_id"])["account_id"].to_pylist(), dtype=object))
    connection = log.connect()
    try:
        who = pa.table({"account_id": pa.array(ids, pa.string()), "who": pa.array(range(len(ids)), pa.int64())})
        connection.register("gnn_who", who)
        connection.execute("SET preserve_insertion_order = false")
        window = Window(source, ids, since, until, connection)
        for name in ("events", "touches"):
            window.make(name, since=since, until=until)
        window.make("made", until=until)
        window.make("gaps")
        yield window
    finally:
        connection.close()


def _key(source: Source) -> dict[str, Any]:
    key: dict[str, Any] = source.key if isinstance(source, Building) else source.manifest["key"]
    return key
