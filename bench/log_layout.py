"""Does a folder a day pay, and what does compaction? One log written in several ways, the same questions (synthetic).

    python bench/log_layout.py [ROWS] [SMALL BATCHES]

`batches`: 300 files as appended, each a few hours of events and a hundredth of late ones. `days`: one file a day.
`sorted`: one file sorted by time, in DuckDB's row groups. The questions are those of a run (a data window of 28 days
of 365, and a day) and of an ingest (which of 10,000 event ids are there already). Then the event log itself, of many
batches of 1,000 rows, before and after `shoal compact`. Times are CPU milliseconds of all threads, best of five.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow as pa

from graph.compaction import compact
from graph.files import write_table
from graph.log import EventLog
from graph.model import ACTIONS

DAY = 86_400_000_000
START = 1_760_000_000_000_000
BATCHES = 300
WINDOW = f'WHERE "at" >= {START + 200 * DAY} AND "at" < {START + 228 * DAY}'
QUESTIONS = {
    "28 of 365 days": f"SELECT count(DISTINCT account_id), count(DISTINCT object_id) FROM log {WINDOW}",
    "one day": f'SELECT count(DISTINCT account_id) FROM log WHERE "at" >= {START + 200 * DAY} '
    f'AND "at" < {START + 201 * DAY}',
    "newest time": 'SELECT max("at") FROM log',
    "10,000 event ids": "SELECT count(*) FROM log SEMI JOIN ids USING (event_id)",
}


def write(folder: Path, rows: int) -> dict[str, str]:
    """The three layouts; returns SQL of each one's files."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SELECT setseed(0.5)")
        connection.execute(
            f"CREATE TABLE events AS SELECT 'e' || i AS event_id, 'a' || floor(pow(random(), 2) * 200000)::BIGINT AS "
            f"account_id, 'comment' AS channel, 'note:n' || floor(pow(random(), 3) * 500000)::BIGINT AS object_id, "
            f'{START} + (i * {365 * DAY / rows})::BIGINT AS "at", '
            f"(floor(i * {BATCHES} / {rows}) + CASE WHEN random() < 0.01 THEN random() * 20 ELSE 0 END)::INTEGER "
            f"AS batch FROM range({rows}) t(i)"
        )
        for name in ("batches", "days"):
            (folder / name).mkdir()
        for batch in range(BATCHES + 20):
            connection.execute(
                f'COPY (SELECT * EXCLUDE (batch) FROM events WHERE batch = {batch} ORDER BY "at") '
                f"TO '{folder}/batches/{batch:06d}.parquet' (COMPRESSION zstd)"
            )
        for day in range(365):
            connection.execute(
                f'COPY (SELECT * EXCLUDE (batch) FROM events WHERE "at" >= {START + day * DAY} '
                f'AND "at" < {START + (day + 1) * DAY} ORDER BY "at") '
                f"TO '{folder}/days/{day:06d}.parquet' (COMPRESSION zstd)"
            )
        connection.execute(
            f"COPY (SELECT * EXCLUDE (batch) FROM events ORDER BY \"at\") TO '{folder}/sorted.parquet' "
            "(COMPRESSION zstd)"
        )
    return {
        "batches": f"read_parquet('{folder}/batches/*.parquet')",
        "days": f"read_parquet('{folder}/days/*.parquet')",
        "sorted": f"read_parquet('{folder}/sorted.parquet')",
    }


def main() -> None:
    """Print CPU milliseconds (connection and view included) and bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int, nargs="?", default=5_000_000)
    parser.add_argument("batches", type=int, nargs="?", default=500)
    given = parser.parse_args()
    rows = given.rows
    folder = Path(tempfile.mkdtemp(prefix="shoal-layout-"))
    try:
        sources = write(folder, rows)
        print(f"{rows:,} actions, CPU milliseconds")
        print("| question | " + " | ".join(sources) + " |")
        print("|---|" + "---|" * len(sources))
        for question, text in QUESTIONS.items():
            told = []
            for source in sources.values():
                best = min(_ask(source, text, rows) for _ in range(5))
                told.append(f"{best * 1000:.0f}")
            print(f"| {question} | " + " | ".join(told) + " |")
        sizes = [sum(f.stat().st_size for f in folder.glob(p)) for p in ("batches/*", "days/*", "sorted.parquet")]
        print("| MB on disk | " + " | ".join(f"{size / 1e6:.0f}" for size in sizes) + " |")
        _compaction(folder / "log", given.batches)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    finally:
        shutil.rmtree(folder)


def _compaction(folder: Path, batches: int) -> None:
    log, size = EventLog(folder), 1_000
    commit = 0.0
    for batch in range(batches):
        staging = log.stage(f"{batch:032d}")
        ids = [f"e{batch}-{i}" for i in range(size)]
        at = [START + (batch * size + i) * DAY // 10_000 for i in range(size)]
        names = [f"a{i % 700}" for i in range(size)]
        objects = [f"note:n{i * batch % 997}" for i in range(size)]
        columns = [ids, names, ["comment"] * size, objects, at, [None] * size]
        made = pa.table(dict(zip(ACTIONS.columns, columns, strict=True)), ACTIONS.schema)
        write_table(staging / "actions.parquet", made)
        began = time.process_time()
        log.commit(staging, {"source": "bench"})
        commit = time.process_time() - began
    print(f"\n{batches:,} batches of {size:,} rows: the last commit took {commit * 1000:.0f} ms")
    questions = {
        "all accounts": "SELECT count(DISTINCT account_id) FROM actions",
        "newest time": 'SELECT max("at") FROM actions',
    }
    for when in ("before", "after"):
        for question, text in questions.items():
            took = []
            for _ in range(5):
                began = time.process_time()
                with log.connect() as connection:
                    connection.execute(text).fetchall()
                took.append(time.process_time() - began)
            print(f"{question}, {when} compaction: {min(took) * 1000:.0f} ms")
        if when == "before":
            del connection
            began = time.process_time()
            print(compact(log), f"in {time.process_time() - began:.1f} s of CPU")


def _ask(source: str, text: str, rows: int) -> float:
    began = time.process_time()
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(f"CREATE VIEW log AS SELECT * FROM {source}")
        connection.execute(
            f"CREATE TABLE ids AS SELECT 'e' || (i * {rows // 10_000}) AS event_id FROM range(10000) t(i)"
        )
        connection.execute(text).fetchall()
    return time.process_time() - began


if __name__ == "__main__":
    main()
