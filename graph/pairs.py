"""Co-actions in order of pair and object, added up: one row a pair.

Nearly every pair of a large log meets once or twice, so a hash table of pairs is as large as the co-actions and slow to
fill. Sorted, they are added up while they are read, in little memory (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

SUMS = {"co_actions": np.add, "objects": np.add, "first_at": np.minimum, "last_at": np.maximum, "a_first2": np.add}


def added_up(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Rows a, z, co_actions, objects, first_at, last_at, a_first2, in order of a, z; about one table a batch.

    Args:
        batches: one row a co-action: a, z, o, ts, first2 (graph/sql/coactions_plain.sql), in order of a, z, o. A pair
            may go on from one batch to the next.
    """
    held: dict[str, np.ndarray] | None = None  # the last pair so far: it may go on
    on = -1  # the object of the last co-action so far
    for batch in batches:
        if batch.num_rows == 0:
            continue
        a, z, o, ts, first2 = (batch.column(name).to_numpy() for name in ("a", "z", "o", "ts", "first2"))
        rows = _of_batch(a, z, o, ts, first2)
        if held is not None:
            if (held["a"][0], held["z"][0]) == (a[0], z[0]):
                held["objects"] -= o[0] == on  # met in both batches, it is one object
                for name, sum_of in SUMS.items():
                    rows[name][0] = sum_of(rows[name][0], held[name][0])
            else:
                rows = {name: np.r_[held[name], values] for name, values in rows.items()}
        yield pa.table({name: values[:-1] for name, values in rows.items()})
        held, on = {name: values[-1:].copy() for name, values in rows.items()}, int(o[-1])
    if held is not None:
        yield pa.table(held)


def _of_batch(a: np.ndarray, z: np.ndarray, o: np.ndarray, ts: np.ndarray, first2: np.ndarray) -> dict[str, np.ndarray]:
    """The pairs of one batch that is not empty."""
    new_pair = np.r_[True, (a[1:] != a[:-1]) | (z[1:] != z[:-1])]
    new_object = new_pair | np.r_[True, o[1:] != o[:-1]]
    begins = np.flatnonzero(new_pair)
    return {
        "a": a[begins],
        "z": z[begins],
        "co_actions": np.diff(np.r_[begins, len(a)]),
        "objects": np.add.reduceat(new_object, begins, dtype=np.int64),
        "first_at": np.minimum.reduceat(ts, begins),
        "last_at": np.maximum.reduceat(ts, begins),
        "a_first2": np.add.reduceat(first2, begins, dtype=np.int64),
    }
