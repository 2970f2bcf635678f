"""What every preset starts with: a database in memory, times as whole microseconds, columns as numpy has them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from graph.errors import InputError
from graph.model import SECOND

Numbers: TypeAlias = NDArray[np.int64]
INTEGERS = {np.int32: pa.int32(), np.int64: pa.int64()}
MOST_SECONDS = 1e11  # a greater number of seconds since 1970 is another unit


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to an empty database in memory; what does not fit goes to a folder that is gone afterwards."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        connection.execute("SET temp_directory = $folder", {"folder": folder})
        yield connection


def require(table: pa.Table, columns: tuple[str, ...], preset: str) -> None:
    """Raise InputError naming the columns that `table` lacks."""
    missing = [c for c in columns if c not in table.column_names]
    if missing:
        raise InputError(f"preset {preset}: missing column {', '.join(missing)}; it needs {', '.join(columns)}")


def microseconds(column: pa.ChunkedArray, name: str) -> Numbers:
    """Times in seconds, whole or fractional, as int64 microseconds.

    Raises:
        InputError: a time is missing, not finite or not in seconds; the message names its row (1 is the first).
    """
    whole = pa.types.is_int64(column.type) and column.null_count == 0
    values = numbers(column) if whole else pc.cast(column, pa.float64()).to_numpy()  # null becomes NaN
    wrong = np.flatnonzero(~((values > -MOST_SECONDS) & (values < MOST_SECONDS)))
    if len(wrong):
        row = int(wrong[0])
        raise InputError(f"row {row + 1}, {name}: {column[row].as_py()} is no time: expected seconds since 1970, UTC")
    return values * SECOND if whole else np.round(values * SECOND).astype(np.int64)


def numbers(column: pa.Array | pa.ChunkedArray) -> Numbers:
    """A column of integers without nulls as numpy has them, int64.

    pyarrow's own ways from and to numpy load pandas wherever it is installed, which costs more than a small network.
    """
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.from_dlpack(whole).astype(np.int64)


def integers(values: np.ndarray, kind: type[np.int32 | np.int64] = np.int64) -> pa.Array:
    """Numbers as an Arrow array of int64 or int32; see `numbers`."""
    fitting = np.ascontiguousarray(values, kind)
    return pa.Array.from_buffers(INTEGERS[kind], len(fitting), [None, pa.py_buffer(fitting)])


def window_microseconds(seconds: float, name: str) -> int:
    """A window of 0 or more seconds in microseconds. Raises InputError."""
    if not (math.isfinite(seconds) and 0 <= seconds < MOST_SECONDS):
        raise InputError(f"{name}: {seconds} s; expected 0 or more seconds")
    return round(seconds * SECOND)


def quantile(values: np.ndarray, share: float) -> float:
    """R's default quantile (type 7: linear between order statistics) of at least one number, computed as R does.

    Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996), definition 7.
    """
    ordered = np.sort(values)
    index = 1 + max(len(ordered) - 1, 0) * share  # from 1, as R counts: floating point rounds what is added
    low, high = math.floor(index), math.ceil(index)
    below, above = float(ordered[low - 1]), float(ordered[high - 1])
    if below == above:
        return below
    part = index - low
    return (1 - part) * below + part * above
