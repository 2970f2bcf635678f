"""coordination-network-toolkit against Shoal on one CSV file: wall time, CPU, memory, and whether the edges are equal.

    bench/.venv/bin/python bench/toolkit.py [--rows N ...] [--network NAME ...] [--top SHARE ...] [--limit SECONDS]

The toolkit: its own commands `preprocess` and `compute`, window 60 s, every edge, two processes; from CSV file to its
SQLite table of edges, as version 1.5.2 cannot write them as CSV from its command line. Shoal: one `shoal coact` with
the toolkit's preset, which gives the same directed edges, from CSV file to Parquet file. Start of Python and all.
`--default` also measures `shoal coact` as it is by default, which is other work: it tests pairs for significance.

Each is run `--times` times and the fastest is shown: what else the machine does can only add to a time.

Synthetic: bench/worlds.py, a tenth as many accounts as rows, squads of 20 (about a tenth of the rows). `--top` is the
share of the rows that falls on the most popular object. In co_retweet an act is a repost of its object, in co_link a
message that links to it, in co_tweet a message that says it, in co_similar one that says it with words of its own.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent))
import worlds
from measured import SHOAL, ended

WINDOW = 60
GOAL = 20  # times less wall time, at 200,000 rows
TOOLKIT = str(Path(sys.executable).with_name("compute_networks"))
THEIR_NAME = {"co_similar": "co_similar_tweet"}
NETWORKS = ("co_retweet", "co_link", "co_tweet", "co_similar")
PRESET = ("--preset", "coordination-network-toolkit", "--minimum", "1")
DEFAULT = ("--format", "coordination-network-toolkit")
WORDS = 400  # of the vocabulary that co_similar's messages are made of


def world(rows: int, seed: int, top: float = 0.12) -> worlds.World:
    """A crowd and squads: `worlds.heavy` at any size and share of the top object."""
    if (rows, top) == (200_000, 0.12):
        return worlds.heavy(seed)
    made, random = worlds.crowd(seed, rows=rows * 9 // 10, accounts=rows // 10, objects=rows // 10, top=top)
    for _ in range(max(1, rows // 10_000)):
        worlds.squad(made, random)
    return made


def write(made: worlds.World, file: Path, network: str = "co_retweet") -> None:
    """The toolkit's CSV, times in whole seconds, as it wants them."""
    actions = made.actions()
    none = pa.array([""] * actions.num_rows)
    columns = {"message_id": actions["event_id"], "user_id": actions["account_id"], "username": none}
    columns |= dict.fromkeys(("repost_id", "reply_id", "message"), none)
    columns |= {"timestamp": pa.array(made.ts // worlds.SECOND), "urls": none}
    column = {"co_retweet": "repost_id", "co_link": "urls"}.get(network, "message")
    columns[column] = messages(made) if network == "co_similar" else actions["object_id"]
    pcsv.write_csv(pa.table(columns), file)


def messages(made: worlds.World) -> pa.Array:
    """A text of 12 words for each object, of which every message changes one."""
    random = np.random.default_rng(1)
    said = random.integers(0, WORDS, (int(made.o.max()) + 1, 12))[made.o]
    said[np.arange(len(said)), random.integers(0, 12, len(said))] = random.integers(0, WORDS, len(said))
    return pa.array([" ".join(f"word{word}" for word in words) for words in said.tolist()])


def of_toolkit(
    source: Path, folder: Path, limit: float, network: str = "co_retweet"
) -> tuple[dict[str, Any], pd.DataFrame | None]:
    """Figures of the toolkit's two commands together, and its edges; none if it did not end in time."""
    base, theirs = folder / "toolkit.sqlite", THEIR_NAME.get(network, network)
    base.unlink(missing_ok=True)
    first = ended([TOOLKIT, str(base), "preprocess", str(source)], limit)
    options = ["--time_window", str(WINDOW), "--min_edge_weight", "1", "--n_cpus", "2"]
    second = ended([TOOLKIT, str(base), "compute", theirs, *options], max(limit - first["wall_s"], 1.0))
    figures: dict[str, Any] = {name: round(first[name] + second[name], 2) for name in ("wall_s", "cpu_s")}
    figures["peak_mb"] = max(first["peak_mb"], second["peak_mb"])
    if not (first["ended"] and second["ended"]):
        return {**figures, "edges": None}, None
    query = f"SELECT user_1, user_2, weight FROM {theirs}_network WHERE user_1 != user_2"  # as in its own export
    with closing(sqlite3.connect(base)) as connection:
        edges = pd.read_sql(query, connection)
    return {**figures, "edges": len(edges)}, edges


def graphml(source: Path, folder: Path, network: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    """From the CSV file to a GraphML file of edges, the one kind that the toolkit's command line can write."""
    ours = fastest(
        [of_shoal(source, folder / "ours.graphml", (*PRESET, "--network", network)) for _ in range(given.times)]
    )
    theirs, edges = of_toolkit(source, folder, given.limit, network)
    words = ["export_network", str(folder / "theirs.graphml"), THEIR_NAME.get(network, network)]
    options = ["--output_format", "graphml", "--n_messages", "0"]
    last = ended([TOOLKIT, str(folder / "toolkit.sqlite"), *words, *options], given.limit)
    done = edges is not None and last["ended"]
    both = {name: round(theirs[name] + last[name], 2) for name in ("wall_s", "cpu_s")}
    both["peak_mb"] = max(theirs["peak_mb"], last["peak_mb"])
    faster = f"{'' if done else '> '}{both['wall_s'] / ours['wall_s']:.1f}"
    return [{"what": "shoal, to GraphML", **ours, "times faster": faster}, {"what": "toolkit, to GraphML", **both}]


def of_shoal(source: Path, out: Path, options: tuple[str, ...]) -> dict[str, Any]:
    """Figures of one `shoal coact`."""
    figures = ended([SHOAL, "coact", str(source), *options, "--window", f"{WINDOW}s", "--out", str(out)])
    kept = {name: figures[name] for name in ("wall_s", "cpu_s", "peak_mb")}
    return {**kept, "edges": pq.read_metadata(out).num_rows} if out.suffix == ".parquet" else kept


def same(ours: Path, theirs: pd.DataFrame) -> bool:
    """Whether both have the same edges with the same weights."""
    columns = ["user_1", "user_2", "weight"]
    frames = [frame.sort_values(columns, ignore_index=True) for frame in (pq.read_table(ours).to_pandas(), theirs)]
    return all(bool((frames[0][c].to_numpy() == frames[1][c].to_numpy()).all()) for c in columns) and len(
        frames[0]
    ) == len(frames[1])


def fastest(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run with the least wall time."""
    return min(runs, key=lambda figures: float(figures["wall_s"]))


def compare(source: Path, folder: Path, network: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    """Rows of the table for one file: the preset, the default if asked for, the toolkit."""
    ours = folder / "preset.parquet"
    preset = fastest([of_shoal(source, ours, (*PRESET, "--network", network)) for _ in range(given.times)])
    peer, theirs = of_toolkit(source, folder, given.limit, network)
    if theirs is not None:
        peer = fastest([peer, *(of_toolkit(source, folder, given.limit, network)[0] for _ in range(given.times - 1))])
    rows = [{"what": "shoal, preset", **preset}]
    if given.default:
        out = folder / "default.parquet"
        rows.append({"what": "shoal, default", **fastest([of_shoal(source, out, DEFAULT) for _ in range(given.times)])})
    for row in rows:
        row["times faster"] = f"{'' if theirs is not None else '> '}{peer['wall_s'] / row['wall_s']:.1f}"
    rows[0]["edges agree"] = {True: "yes", False: "NO", None: "stopped"}[None if theirs is None else same(ours, theirs)]
    more = graphml(source, folder, network, given) if given.graphml else []
    return [*rows, {"what": "toolkit", **peer}, *more]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000])
    parser.add_argument("--network", nargs="+", choices=NETWORKS, default=["co_retweet"])
    parser.add_argument("--top", type=float, nargs="+", default=[0.12], help="share of rows on the top object")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--times", type=int, default=1, help="runs of each; the fastest counts")
    parser.add_argument("--limit", type=float, default=400.0, help="the toolkit is stopped after so many seconds")
    parser.add_argument("--default", action="store_true", help="also `shoal coact` without a preset")
    parser.add_argument("--graphml", action="store_true", help="also up to a GraphML file, written by both")
    given = parser.parse_args()
    different = False
    for rows in given.rows:
        for top in given.top:
            made = world(rows, given.seed, top)
            for network in given.network:
                with TemporaryDirectory() as name:
                    source = Path(name) / "events.csv"
                    write(made, source, network)
                    table = pd.DataFrame(compare(source, Path(name), network, given)).astype(object).fillna("")
                largest = int(np.bincount(made.o).max())
                print(f"\n{network}: {len(made.a):,} rows, {largest:,} of them on the top object, seed {given.seed}")
                print(table.to_string(index=False), flush=True)
                different |= "NO" in set(table["edges agree"])
    print(f"\ngoal at 200,000 rows: at least {GOAL} times less wall time")
    if different:
        sys.exit("EDGES DIFFER")


if __name__ == "__main__":
    main()
