"""Loading an empty embedded Neo4j: bulk import against batched MERGE, the same log, the same graph.

    .venv/bin/python bench/loading.py [--rows N ...] [--seed S]

Both are `shoal load`, the whole command in a data folder whose Neo4j never ran: start of Python and of the server,
constraints, load, stop. `load` is the part of it from reading the log to the last write, without the start of the
server, which both need once; `peak_mb` is the largest process, Neo4j's own included. Afterwards both databases are
asked for the number of their nodes and relationships by kind.

Synthetic: bench/interactions.py. Figures of a busy machine say less than their ratio.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))
from interactions import write
from measured import SHOAL, ended

WAYS = {"batched MERGE": "--no-bulk", "bulk import": "--bulk"}
PHASE = re.compile(r"^(.+): ([\d.]+) s(?:, [\d,]+ a second)?$", re.MULTILINE)
ASIDE = "Stopping Neo4j", "Starting Neo4j"


def loaded(folder: Path, log: Path, way: str) -> dict[str, Any]:
    """What one way costs in a fresh data folder with this log."""
    folder.mkdir()
    shutil.copytree(log, folder / "log")
    figures = ended([SHOAL, "load", WAYS[way], "--dir", str(folder)])
    phases = [(name, float(seconds)) for name, seconds in PHASE.findall(figures.pop("words"))]
    load = sum(seconds for name, seconds in phases if name not in ASIDE)
    print(f"  {way}: " + ", ".join(f"{name} {seconds:g} s" for name, seconds in phases), flush=True)
    return {"way": way, "load s": round(load, 1), **{k: figures[k] for k in ("wall_s", "cpu_s", "peak_mb")}}


def counted(folder: Path) -> dict[str, int]:
    """Nodes by label and relationships by type."""
    from graph.settings import settings
    from graph.store import connect
    from graph.workspace import Workspace

    with connect(Workspace(folder), settings()) as store:
        return store.counts()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for rows in asked.rows:
        with TemporaryDirectory() as scratch:
            source = write(Path(scratch) / "interactions.parquet", rows, asked.seed)
            ended([SHOAL, "ingest", str(source), "--dir", str(Path(scratch) / "first")])
            log = Path(scratch) / "first" / "log"
            print(f"{rows:,} interactions", flush=True)
            results = [loaded(Path(scratch) / flag, log, way) for way, flag in WAYS.items()]
            graphs = [counted(Path(scratch) / flag) for flag in WAYS.values()]
        slow, fast = results
        print(pd.DataFrame(results).to_string(index=False))
        times = f"load {slow['load s'] / fast['load s']:.1f}, command {slow['wall_s'] / fast['wall_s']:.1f}"
        kinds = sum(count for name, count in graphs[0].items() if name.isupper())
        print(f"times faster: {times}; {sum(graphs[0].values()) - kinds:,} nodes, {kinds:,} relationships; ", end="")
        print("the graphs are equal" if graphs[0] == graphs[1] else f"THE GRAPHS DIFFER: {graphs}", flush=True)


if __name__ == "__main__":
    main()
