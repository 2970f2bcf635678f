"""One object that a tenth of a million rows fall on: does it end, in what memory, and is anything lost?

    bench/.venv/bin/python bench/hot.py [--rows N] [--seed S] [--toolkit SECONDS]

1. `--rows` rows (a million), the top object with 10% of them, and 20 squads of 20: the command `shoal coact`, from file
   to file, and detection up to clusters (the steps of `shoal detect`), each in a process of its own.
2. 200,000 rows, the top object with 12%, and 20 squads: the same test twice, once with the hot actions by signature, as
   always, and once with every pair counted. Pairs that either finds significant are compared, number by number.
3. With `--toolkit`, what coordination-network-toolkit does with 1. in so many seconds.

Synthetic: bench/worlds.py.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
import toolkit
import worlds
from measured import SHOAL, Clock, ended, in_a_process

SQUADS = 20
FDR = 0.01
COLUMNS = ["a", "z", "expected", "p_value"]


def world(given: tuple[int, int]) -> worlds.World:
    """So many rows, of which the top object has a tenth."""
    rows, seed = given
    made, random = worlds.crowd(seed, rows=rows, accounts=rows // 10, objects=rows // 10, top=0.1)
    for _ in range(SQUADS):
        worlds.squad(made, random)
    return made


def connection_to(made: worlds.World) -> duckdb.DuckDBPyConnection:
    """A database with the integer tables of a world."""
    from graph import coaction
    from graph.model import ACCOUNTS

    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute("SET memory_limit = '4GB'")
    connection.execute("SET enable_progress_bar = false")
    connection.register("actions", made.actions())
    connection.register("accounts", ACCOUNTS.schema.empty_table())
    coaction.prepare(connection, 0, 1 << 62)
    return connection


def of_detection(given: tuple[int, int]) -> dict[str, Any]:
    """Detection up to clusters, and what it found of the squads."""
    import quality

    made = world(given)
    clock = Clock()
    found = quality.measure(made)
    right = sum(jaccard >= 0.8 for jaccard in found["jaccard"])
    return {"what": "detection", **clock.stop(), "edges": found["edges"], "squads found": f"{right} of {SQUADS}"}


def of_test(given: tuple[int, int]) -> dict[str, Any]:
    """Significant pairs of worlds.heavy with this seed and limit of a crowd, and what was treated how."""
    from graph import coaction, significance

    seed, crowd = given
    connection = connection_to(worlds.heavy(seed))
    clock = Clock()
    found = coaction.count(connection, replace(coaction.CoactionConfig(), crowd=crowd))
    tested = significance.test(found, FDR)
    kept = tested.pairs[tested.pairs["q_value"] <= FDR]
    counts = coaction.edge_counts(connection, kept, coaction.CoactionConfig())
    return {"hot": found.hot, "candidates": len(tested.pairs), **clock.stop(), "kept": kept[COLUMNS], "counts": counts}


def of_hot(given: tuple[int, int]) -> dict[str, int]:
    """How many rows the top object has, and what is treated by signature."""
    from graph import coaction

    made = world(given)
    hot = coaction.count(connection_to(made), coaction.CoactionConfig()).hot
    return {"rows": len(made.a), "top": int(np.bincount(made.o).max()), **hot}


def command(made: worlds.World, folder: Path) -> dict[str, Any]:
    """`shoal coact` from file to file, and what it said."""
    source, out = folder / "actions.parquet", folder / "edges.parquet"
    pq.write_table(made.actions(), source)
    figures = ended([SHOAL, "coact", str(source), "--format", "actions", "--out", str(out)])
    print(figures.pop("words"))
    del figures["ended"]
    edges = pq.read_table(out, columns=["channel"])["channel"].to_pandas().eq("all").sum()
    return {"what": "shoal coact", **figures, "edges": int(edges)}


def compare(seed: int) -> None:
    """Print what the signatures change against counting every pair."""
    usual, exact = (in_a_process(of_test, (seed, crowd)) for crowd in (500, 1 << 40))
    pairs = [set(zip(found["kept"]["a"], found["kept"]["z"], strict=True)) for found in (usual, exact)]
    both = [set(map(tuple, found["counts"].itertuples(index=False))) for found in (usual, exact)]
    joint = pairs[0] & pairs[1]
    numbers = [{row for row in rows if row[:2] in joint} for rows in both]
    print(f"\n200,000 rows, seed {seed}: hot actions by signature against every pair counted")
    table = [
        {"how": how, **{k: v for k, v in f.items() if k not in ("kept", "counts", "hot")}, **f["hot"]}
        for how, f in (("by signature", usual), ("every pair", exact))
    ]
    print(pd.DataFrame(table).to_string(index=False))
    print(f"significant pairs: {len(pairs[0]):,} and {len(pairs[1]):,}, {len(joint):,} in both")
    print("their co-actions, objects and times are the same" if numbers[0] == numbers[1] else "THEIR NUMBERS DIFFER")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--toolkit", type=float, metavar="SECONDS", help="also run the toolkit, this long at most")
    given = parser.parse_args()
    case = given.rows, given.seed
    treated = in_a_process(of_hot, case)
    print(f"{treated['rows']:,} rows, seed {given.seed}; {treated['top']:,} of them on the top object")
    print(
        f"{treated['actions']:,} hot actions on {treated['objects']:,} objects: by signature, which adds "
        f"{treated['alike']:,} pairs to look at; every other action is paired with all others within the window"
    )
    with TemporaryDirectory() as name:
        made = world(case)
        results = [command(made, Path(name)), in_a_process(of_detection, case)]
        if given.toolkit:
            toolkit.write(made, Path(name) / "events.csv")
            figures, edges = toolkit.of_toolkit(Path(name) / "events.csv", Path(name), given.toolkit)
            results.append({"what": "toolkit" if edges is not None else "toolkit, stopped", **figures})
    print(pd.DataFrame(results).to_string(index=False))
    compare(given.seed)


if __name__ == "__main__":
    main()
