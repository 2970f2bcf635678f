"""coordination-network-toolkit against Shoal on one CSV file: wall time, CPU, memory, and whether the edges are equal.

    bench/.venv/bin/python bench/toolkit.py [--rows N] [--seed S] [--limit SECONDS]

The toolkit: its own commands `preprocess` and `compute co_retweet`, window 60 s, every edge, two processes. Shoal: one
`shoal coact`, once with the toolkit's preset, which gives the same directed edges, and once as it is by default, which
tests pairs for significance. Start of Python and all; Shoal from CSV file to file of edges, the toolkit from CSV file
to its SQLite table of edges, as version 1.5.2 cannot write them as CSV from its command line.

Synthetic: bench/worlds.py `heavy`, 20,000 accounts with 20 squads of 20, where the top object has 12% of the rows.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
import worlds
from measured import SHOAL, ended

WINDOW = 60
GOAL = 20
TOOLKIT = str(Path(sys.executable).with_name("compute_networks"))


def world(rows: int, seed: int) -> worlds.World:
    """`worlds.heavy` at any size: nine rows in ten are the crowd's, as at 200,000."""
    if rows == 200_000:
        return worlds.heavy(seed)
    made, random = worlds.crowd(seed, rows=rows * 9 // 10, accounts=rows // 10, objects=rows // 10, top=0.12)
    for _ in range(rows // 10_000):
        worlds.squad(made, random)
    return made


def write(made: worlds.World, file: Path) -> None:
    """The toolkit's CSV, each action a repost of its object; times in whole seconds, as it wants them."""
    actions = made.actions()
    none = pa.array([""] * actions.num_rows)
    columns = {"message_id": actions["event_id"], "user_id": actions["account_id"], "username": none}
    columns |= {"repost_id": actions["object_id"], "reply_id": none, "message": none}
    columns |= {"timestamp": pa.array(made.ts // worlds.SECOND), "urls": none}
    pcsv.write_csv(pa.table(columns), file)


def of_toolkit(source: Path, folder: Path, limit: float) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Figures of the toolkit's two commands together, and its edges; none if it did not end in time."""
    base = folder / "toolkit.sqlite"
    first = ended([TOOLKIT, str(base), "preprocess", str(source)], limit)
    options = ["--time_window", str(WINDOW), "--min_edge_weight", "1", "--n_cpus", "2"]
    second = ended([TOOLKIT, str(base), "compute", "co_retweet", *options], limit)
    figures: dict[str, Any] = {name: round(first[name] + second[name], 2) for name in ("wall_s", "cpu_s")}
    figures["peak_mb"] = max(first["peak_mb"], second["peak_mb"])
    if not (first["ended"] and second["ended"]):
        return {**figures, "edges": None}, None
    with closing(sqlite3.connect(base)) as connection:  # loops are left out, as in its own export
        edges = pd.read_sql("SELECT user_1, user_2, weight FROM co_retweet_network WHERE user_1 != user_2", connection)
    return {**figures, "edges": len(edges)}, edges


def of_shoal(source: Path, out: Path, options: list[str]) -> dict[str, Any]:
    """Figures of one `shoal coact`."""
    figures = ended([SHOAL, "coact", str(source), *options, "--window", f"{WINDOW}s", "--out", str(out)])
    kept = {name: figures[name] for name in ("wall_s", "cpu_s", "peak_mb")}
    return {**kept, "edges": pq.read_metadata(out).num_rows}


def same(ours: Path, theirs: pd.DataFrame) -> bool:
    """Whether both have the same edges with the same weights."""
    edges = pq.read_table(ours).to_pandas()
    rows = [sorted(zip(e["user_1"], e["user_2"], e["weight"], strict=True)) for e in (edges, theirs)]
    return rows[0] == rows[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=float, default=1200.0, help="the toolkit is stopped after so many seconds")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        source, ours = folder / "events.csv", folder / "preset.parquet"
        made = world(given.rows, given.seed)
        write(made, source)
        preset = ["--preset", "coordination-network-toolkit", "--network", "co_retweet", "--minimum", "1"]
        default = ["--format", "coordination-network-toolkit"]
        results = {
            "shoal, the toolkit's preset": of_shoal(source, ours, preset),
            "shoal, default": of_shoal(source, folder / "default.parquet", default),
        }
        figures, theirs = of_toolkit(source, folder, given.limit)
        results["coordination-network-toolkit"] = figures
        equal = None if theirs is None else same(ours, theirs)
    table = pd.DataFrame(results).T
    table["times faster"] = (figures["wall_s"] / table["wall_s"].astype(float)).round(1)
    print(f"{len(made.a):,} rows, seed {given.seed}, window {WINDOW} s\n{table.to_string()}")
    if equal is None:
        print(f"the toolkit was stopped after {given.limit:g} s")
    else:
        print("the preset's edges are the toolkit's" if equal else "EDGES DIFFER")
    print(f"goal: at least {GOAL} times less wall time")
    if equal is False:
        sys.exit(1)


if __name__ == "__main__":
    main()
