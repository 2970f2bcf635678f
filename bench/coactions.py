"""Co-actions per pair of accounts: Shoal's statement against a hand-written kernel, the practical limit.

    bench/.venv/bin/python bench/coactions.py [--rows N ...] [--seed S] [--command]

Both start from the same table of integers (account, object, time, interaction) and end with the same integers per pair:
co-actions, distinct objects, first, last, and in how many the smaller account was first; in order of pairs, and equal,
or this says so. Each runs in a process of its own; the clock starts when the table is in memory and the code compiled.
Shoal: graph/sql/coactions_plain.sql and graph.pairs, as `shoal coact --all` asks them (two threads, the memory of
graph.coact). The kernel: numba on one thread; two pointers run along events sorted by object and time.
`--command` measures the command as well, from Parquet file to Parquet file.

Synthetic: bench/worlds.py. A log of more than a million events is a longer log: every million is a fortnight with new
objects, of the same accounts (one for ten events of a fortnight). Popularity has a heavy tail; the window is 60 s.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
import worlds
from measured import SHOAL, Clock, ended, in_a_process

WINDOW = 60 * worlds.SECOND
FORTNIGHT = 1_000_000  # events
COLUMNS = ("a", "z", "co_actions", "objects", "first_at", "last_at", "a_first2")
GOAL_RATIO, GOAL_MB = 2.5, 3000


def events(rows: int, seed: int) -> pa.Table:
    """a, o, ts, e: what graph/sql/events.sql makes of a log, e in order of time."""
    each = min(rows, FORTNIGHT)
    parts = []
    for part in range(-(-rows // each)):
        world, _ = worlds.crowd(seed + part, rows=each, accounts=each // 10, objects=each // 10)
        parts.append((world.a, world.o + part * (each // 10), world.ts + part * worlds.DAYS * worlds.DAY))
    a, o, ts = (np.concatenate(column)[:rows] for column in zip(*parts, strict=True))
    order = np.argsort(ts, kind="stable")
    columns = {"a": a[order].astype(np.int32), "o": o[order].astype(np.int32), "ts": ts[order]}
    return pa.table({**columns, "e": np.arange(1, rows + 1)})


def actions(table: pa.Table) -> pa.Table:
    """The same events as an action table with ids that are text."""
    a, o = table["a"].to_numpy(), table["o"].to_numpy()
    world = worlds.World(a.astype(np.int64), o.astype(np.int64), table["ts"].to_numpy())
    return world.actions()


def of_statement(file: Path) -> dict[str, Any]:
    """Shoal's statement on the events in a Parquet file."""
    from graph.coact import BATCH, connected
    from graph.log import EventLog
    from graph.pairs import added_up
    from graph.statements import sql

    def answer() -> Iterator[pa.Table]:
        relation = connection.sql(sql("coactions_plain"), params={"window": WINDOW})
        return added_up(relation.to_arrow_reader(BATCH))

    with TemporaryDirectory(dir=file.parent) as folder, connected(EventLog(Path(folder)), "duckdb") as connection:
        connection.execute("CREATE TEMP TABLE events AS SELECT * FROM read_parquet($file)", {"file": str(file)})
        clock = Clock()
        pairs = sum(rows.num_rows for rows in answer())
        figures = clock.stop()
        total = sum(digest([rows[name].to_numpy() for name in COLUMNS]) for rows in answer()) % (1 << 64)
    return {"engine": "shoal", **figures, "pairs": pairs, "answer": f"{total:016x}"}


def of_kernel(file: Path) -> dict[str, Any]:
    """The kernel on the events in a Parquet file."""
    import kernel

    tiny = events(200, 1)
    kernel.coactions(*(tiny[name].to_numpy() for name in ("a", "o", "ts")), WINDOW)  # compiles
    table = pq.read_table(file, columns=["a", "o", "ts"])
    a, o, ts = (table[name].to_numpy() for name in ("a", "o", "ts"))
    del table
    clock = Clock()
    columns = kernel.coactions(a, o, ts, WINDOW)
    figures = clock.stop()
    return {"engine": "kernel", **figures, "pairs": len(columns[0]), "answer": f"{digest(columns):016x}"}


def digest(columns: list[np.ndarray] | tuple[np.ndarray, ...]) -> int:
    """A sum over rows of a hash of each row (splitmix64 a column): any other row, count or value changes it."""
    total = 0
    for start in range(0, len(columns[0]), 1 << 20):
        row = np.zeros(len(columns[0][start : start + (1 << 20)]), np.uint64)
        for column in columns:
            row += column[start : start + (1 << 20)].astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
            row = (row ^ (row >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            row = (row ^ (row >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            row ^= row >> np.uint64(31)
        total += int(row.sum(dtype=np.uint64))
    return total % (1 << 64)


def of_command(folder: Path, table: pa.Table) -> dict[str, Any]:
    """`shoal coact --all --no-test` from a Parquet file of actions to one of edges."""
    source, out = folder / "actions.parquet", folder / "edges.parquet"
    pq.write_table(actions(table), source)
    options = ["coact", str(source), "--format", "actions", "--window", "60s", "--all", "--no-test", "--out", str(out)]
    figures = ended([SHOAL, *options])
    rows = pq.read_metadata(out).num_rows
    out.unlink()
    del figures["ended"], figures["words"]
    return {"engine": "shoal coact --all --no-test", **figures, "pairs": rows // 2}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 10_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", action="store_true", help="measure the whole command as well")
    given = parser.parse_args()
    for rows in given.rows:
        with TemporaryDirectory() as name:
            file = Path(name) / "events.parquet"
            table = events(rows, given.seed)
            pq.write_table(table, file)
            results = [in_a_process(job, file) for job in (of_kernel, of_statement)]
            if given.command:
                results.append(of_command(Path(name), table))
            del table
        kernel, shoal = results[:2]
        print(f"\n{rows:,} events, seed {given.seed}\n{pd.DataFrame(results).to_string(index=False)}")
        same = all(kernel[k] == shoal[k] for k in ("pairs", "answer"))
        ratio, peak = shoal["cpu_s"] / max(kernel["cpu_s"], 0.01), shoal["peak_mb"]
        print("answers are the same" if same else "ANSWERS DIFFER")
        print(f"CPU: {ratio:.2f} times the kernel (goal at 10M: {GOAL_RATIO}); {peak} MB (goal: under {GOAL_MB})")
        if not same:
            sys.exit(1)


if __name__ == "__main__":
    main()
