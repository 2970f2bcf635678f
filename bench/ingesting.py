"""What ingest costs beside DuckDB's own copy of the same CSV file to Parquet.

    .venv/bin/python bench/ingesting.py [--rows N ...] [--times K] [--no-objects] [--shuffled] [--folder DIR]

Each in a process of its own, DuckDB with two threads and 4 GB for all:

    copy      COPY (FROM read_csv(file)) TO a Parquet file, zstd: what reading and writing cost by themselves
    append    `shoal ingest` without objects: parse, validate every field, name rows, find repeats, append
    whole     `shoal ingest` as it is: actions and templates (object extraction) as well
    objects   the difference of the two

The rows of the file lie nearly in order of time, as exports do, and are then appended as they lie; `--shuffled` shows
what it costs to sort them. `of copy's speed` is copy's time over the row's. The best of K turns counts, the turns
alternating; on a busy machine CPU seconds say more than wall time. Synthetic: bench/interactions.py, whose texts are
hard on the templates: all are made of 360 words, so that nearly every text resembles many others a little.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from interactions import write
from measured import Clock, in_a_process

Given = tuple[str, str]  # the file; a folder to work in
FIGURES = ["wall_s", "cpu_s"]


def copied(given: Given) -> dict[str, Any]:
    """DuckDB's copy, with the settings that Shoal gives it."""
    from graph.log import EventLog

    source, folder = given
    with EventLog(Path(folder) / "none").connect() as connection:
        connection.execute(f"SET temp_directory = '{folder}/spill'")
        clock = Clock()
        connection.execute(
            f"COPY (FROM read_csv('{source}')) TO '{folder}/copy.parquet' (FORMAT parquet, COMPRESSION zstd)"
        )
        return clock.stop()


def appended(given: Given) -> dict[str, Any]:
    """Ingest that finds no objects."""
    from graph.model import TEMPLATES
    from ingest import batch

    empty = (
        'SELECT event_id, account_id, kind AS channel, target_id AS object_id, "at", content_id FROM checked LIMIT 0'
    )
    batch.derive = lambda *_: (empty, TEMPLATES.schema.empty_table())  # type: ignore[assignment]
    return whole(given)


def whole(given: Given) -> dict[str, Any]:
    """Ingest as it is."""
    from graph.workspace import Workspace
    from ingest.load import ingest

    source, folder = given
    clock = Clock()
    done = ingest(Workspace(Path(folder) / "data"), Path(source))
    figures = clock.stop()
    assert done.appended == done.rows, done
    return figures


JOBS = {"copy": copied, "append": appended, "whole": whole}


def measure(source: Path, scratch: Path, jobs: list[str], times: int) -> pd.DataFrame:
    """The best of some turns of each job."""
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in jobs}
    for _ in range(times):
        for name in jobs:
            with TemporaryDirectory(dir=scratch) as folder:
                turns[name].append(in_a_process(JOBS[name], (str(source), folder)))
                print(f"  {name}: {turns[name][-1]}", flush=True)
    best = {name: pd.DataFrame(of) for name, of in turns.items()}
    table = pd.DataFrame({name: {**of[FIGURES].min(), "peak_mb": of["peak_mb"].max()} for name, of in best.items()}).T
    if "whole" in table.index:
        table.loc["objects"] = {f: table.loc["whole", f] - table.loc["append", f] for f in FIGURES}
    for figure in FIGURES:
        table[f"of copy's speed, {figure}"] = (table.loc["copy", figure] / table[figure]).round(3)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument("--no-objects", action="store_true", help="leave out `whole`, which takes longest")
    parser.add_argument("--shuffled", action="store_true", help="the file's rows lie in no order")
    parser.add_argument("--folder", type=Path, help="where files are made (default: a temporary folder)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    jobs = [name for name in JOBS if name != "whole" or not asked.no_objects]
    for rows in asked.rows:
        with TemporaryDirectory(dir=asked.folder) as scratch:
            source = write(Path(scratch) / "interactions.csv", rows, asked.seed, shuffled=asked.shuffled)
            print(f"{rows:,} interactions, {source.stat().st_size >> 20:,} MB of CSV", flush=True)
            print(measure(source, Path(scratch), jobs, asked.times).to_string(), flush=True)


if __name__ == "__main__":
    main()
