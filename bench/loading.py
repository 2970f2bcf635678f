"""Loading an empty embedded Neo4j: bulk import against batched MERGE, the same log, the same graph.

    .venv/bin/python bench/loading.py [--rows N ...] [--seed S] [--ways NAME ...]

All are `shoal load`, the whole command in a data folder whose Neo4j never ran: start of Python and of the server,
constraints, load, stop. `--no-bulk` makes relationships by CREATE where the database has none of their type, which is
about twice as fast as MERGE: "transactions" is that, "batched MERGE" the same with MERGE throughout. `load` is the part
from reading the log to the last write, without the start of the server, which all need once; `peak_mb` is the largest
process, Neo4j's own included. Afterwards the databases are asked for the number of their nodes and relationships by
kind.

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

# `shoal load` that looks for every relationship before it makes it, as if there might be some
MERGE = "import graph.loading, shoal; graph.loading._Load._is_absent = lambda self, kind: False; shoal.main()"
WAYS = {
    "bulk import": [SHOAL, "load", "--bulk"],
    "transactions": [SHOAL, "load", "--no-bulk"],
    "batched MERGE": [sys.executable, "-c", MERGE, "load", "--no-bulk"],
}
PHASE = re.compile(r"^(.+): ([\d.]+) s(?:, [\d,]+ a second)?$", re.MULTILINE)
ASIDE = "Stopping Neo4j", "Starting Neo4j"


def loaded(folder: Path, log: Path, way: str) -> dict[str, Any]:
    """What one way costs in a fresh data folder with this log."""
    folder.mkdir()
    shutil.copytree(log, folder / "log")
    figures = ended([*WAYS[way], "--dir", str(folder)])
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
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), metavar="NAME")
    asked = parser.parse_args()
    for rows in asked.rows:
        with TemporaryDirectory() as scratch:
            source = write(Path(scratch) / "interactions.parquet", rows, asked.seed)
            ended([SHOAL, "ingest", str(source), "--dir", str(Path(scratch) / "first")])
            log = Path(scratch) / "first" / "log"
            print(f"{rows:,} interactions", flush=True)
            results = [loaded(Path(scratch) / way, log, way) for way in asked.ways]
            graphs = [counted(Path(scratch) / way) for way in asked.ways]
        print(pd.DataFrame(results).to_string(index=False))
        for slow in results[1:]:
            times = [f"{name} {slow[name] / results[0][name]:.1f}" for name in ("load s", "wall_s", "cpu_s")]
            print(f"{results[0]['way']} takes so many times less than {slow['way']}: {', '.join(times)}")
        kinds = sum(count for name, count in graphs[0].items() if name.isupper())
        print(f"{sum(graphs[0].values()) - kinds:,} nodes, {kinds:,} relationships; ", end="")
        same = all(graph == graphs[0] for graph in graphs)
        print("the graphs are equal" if same else f"THE GRAPHS DIFFER: {graphs}", flush=True)


if __name__ == "__main__":
    main()
