"""The same statements on DuckDB and on Spark: wall time, CPU seconds, memory, and whether the answers are the same.

    python bench/engines.py [--rows N ...] [--seed S]

Synthetic: bench/worlds.py, a crowd of one account for ten rows whose popularity has a heavy tail, with ten planted
squads. Each engine runs in a process of its own, with two threads and 4 GiB for data. Counted are the tables of
integers, the candidates and what they did, the test, and the integer columns of the edges found.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import run
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
import worlds

from graph import coaction, significance
from graph.log import EventLog
from graph.spark import spark_connection

ENGINES = ("duckdb", "spark")
SQUADS = 10


def make(folder: Path, rows: int, seed: int) -> None:
    """An event log of about so many actions."""
    world, random = worlds.crowd(seed, rows=rows, accounts=rows // 10, objects=rows // 10)
    for _ in range(SQUADS):
        worlds.squad(world, random)
    log = EventLog(folder)
    staging = log.stage("bench")
    pq.write_table(log_table(world.actions()), staging / "actions.parquet")
    log.commit(staging, {"source": "bench", "seed": seed})


def log_table(actions: pa.Table) -> pa.Table:
    """Actions with the log's columns and types."""
    from graph.model import ACTIONS

    return ACTIONS.check(actions, "bench")


@contextmanager
def connected(engine: str, log: EventLog) -> Iterator[Any]:
    """The log's views on an engine."""
    if engine == "spark":
        with spark_connection(log) as connection:
            yield connection
    else:
        with log.connect() as connection:
            yield connection


def one(engine: str, folder: Path) -> None:
    """Count and test on one engine; print its figures as a line of JSON."""
    figures: dict[str, Any] = {"engine": engine}
    begun = perf_counter()
    with connected(engine, EventLog(folder)) as connection:

        def stage(name: str) -> None:
            nonlocal begun
            figures[name] = round(perf_counter() - begun, 1)
            begun = perf_counter()

        stage("start")
        coaction.prepare(connection, 0, 1 << 62)
        stage("tables")
        found = coaction.count(connection, coaction.CoactionConfig())
        stage("count")
        tested = significance.test(found, 0.01)
        stage("test")
        kept = tested.pairs[tested.pairs["q_value"] <= 0.01]
        edges = coaction.edge_counts(connection, kept, coaction.CoactionConfig())
        stage("edges")
        everybody = [psutil.Process(), *psutil.Process().children(recursive=True)]
        figures["peak_mb"] = sum(peak(process.pid) for process in everybody) >> 10
        figures["pairs"], figures["kept"] = len(tested.pairs), len(kept)
        figures["answer"] = digest([found.candidates, *(s.meetings for s in found.scales), tested.pairs, edges])
    print(json.dumps(figures), flush=True)


def peak(pid: int) -> int:
    """Most memory a process has held, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def digest(frames: list[pd.DataFrame]) -> str:
    """The same frames, the same hash."""
    total = hashlib.sha256()
    for frame in frames:
        total.update(frame.to_csv(index=False, float_format="%.17g").encode())
    return total.hexdigest()[:12]


def measured(engine: str, folder: Path) -> dict[str, Any]:
    """Run one engine in a process of its own."""
    before, begun = os.times(), perf_counter()
    done = run([sys.executable, __file__, "--one", engine, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{engine} failed:\n{done.stderr[-4000:]}")
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**figures, "wall_s": round(perf_counter() - begun, 1), "cpu_s": round(cpu, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", nargs=2, metavar=("ENGINE", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one[0], Path(given.one[1]))
        return
    for rows in given.rows:
        with TemporaryDirectory() as folder:
            make(Path(folder), rows, given.seed)
            results = pd.DataFrame([measured(engine, Path(folder)) for engine in ENGINES])
        print(f"\n{rows:,} rows and {SQUADS} squads, seed {given.seed}; seconds\n{results.to_string(index=False)}")
        print("answers are the same" if results["answer"].nunique() == 1 else "ANSWERS DIFFER")


if __name__ == "__main__":
    main()
