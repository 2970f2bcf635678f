"""Validation of interactions in SQL, as Shoal does it, beside pandera on pandas and on Polars.

    bench/.venv/bin/python bench/validation.py [--rows N] [--bad SHARE] [--seed S]

Each reads the same CSV file, checks the same columns by the same rules, and answers with the good rows and, of each bad
one, its number and all its reasons. Each has a process to itself; whether all reject the same rows is said below.

Synthetic: uniform ids, one bad row in fifty, in six ways.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from measured import Clock, in_a_process

NOW = 1_790_000_000_000_000  # 2026-09-21
KINDS = ("comment", "like", "share")
FAULTS = ("account", "kind", "time", "future", "target", "long")


def write(path: Path, rows: int, share: float, seed: int) -> None:
    """The file."""
    random = np.random.default_rng(seed)
    bad = np.where(random.random(rows) < share, random.integers(0, len(FAULTS), rows), -1)
    account, target = random.integers(0, rows // 10, rows), random.integers(0, rows // 10, rows)
    kind, second = random.integers(0, len(KINDS), rows), random.integers(0, 28 * 86_400, rows)
    start = int(datetime(2026, 8, 1, tzinfo=UTC).timestamp())
    with path.open("w", encoding="utf-8") as file:
        file.write("event_id,account_id,kind,at,target_id,text\n")
        for i in range(rows):
            fault = FAULTS[bad[i]] if bad[i] >= 0 else ""
            at = datetime.fromtimestamp(start + int(second[i]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            at = "yesterday" if fault == "time" else at.replace("2026", "2031") if fault == "future" else at
            name = "" if fault == "account" else "x" * 600 if fault == "long" else f"account-{account[i]}"
            what = "poke" if fault == "kind" else KINDS[kind[i]]
            on = "" if fault == "target" else f"note-{target[i]}"
            file.write(f"e{i},{name},{what},{at},{on},a text of ordinary length with number {i % 1000} in it\n")


def by_sql(path: str) -> dict[str, Any]:
    """Shoal's own: one statement over the whole file."""
    from graph.peers.scratch import database
    from ingest.formats.native import INTERACTIONS
    from ingest.readers import open_raw
    from ingest.validation import take_part

    clock = Clock()
    with database() as connection:
        connection.execute("SET threads = 2; SET memory_limit = '4GB'; SET enable_progress_bar = false")
        open_raw(connection, Path(path))
        columns = take_part(connection, INTERACTIONS, Path(path))
        connection.execute(f"CREATE TEMP TABLE checked AS {INTERACTIONS.select(columns, NOW)}")
        good = connection.execute("SELECT count(*) FROM checked WHERE len(reasons) = 0").fetchall()[0][0]
        rejected = connection.execute("SELECT source_row, reasons FROM checked WHERE len(reasons) > 0").fetchall()
        return {"good": good, "rejected": sorted(row for row, _ in rejected), **clock.stop()}


def columns(pa: Any, times: Any) -> dict[str, Any]:
    """What pandera checks of each column; `pa` is its module for pandas or for Polars, which name things alike."""
    ids = [pa.Check.str_length(0, 512), pa.Check.str_matches(r"^[^\x00-\x1f\x7f]*$")]
    return {
        "event_id": pa.Column(str, ids),
        "account_id": pa.Column(str, [*ids, pa.Check.str_length(min_value=1)]),
        "kind": pa.Column(str, pa.Check.isin(("note", *KINDS))),
        "at": pa.Column(str, times),
        "target_id": pa.Column(str, ids),
        "text": pa.Column(str, pa.Check.str_length(0, 100_000)),
    }


def by_pandas(path: str) -> dict[str, Any]:
    """pandera on pandas."""
    import pandas as pd
    import pandera.pandas as pa

    clock = Clock()
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    times = pa.Check(lambda column: _times(column).between(pd.Timestamp("2000-01-01", tz="UTC"), _latest()))
    schema = pa.DataFrameSchema(
        columns(pa, times),
        checks=pa.Check(lambda all_: (all_["kind"] == "note") | (all_["target_id"] != "")),
    )
    reasons: dict[int, list[str]] = {}
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.dropna(subset=["index"])
        for index, check in zip(cases["index"], cases["check"], strict=True):
            reasons.setdefault(int(index), []).append(str(check))
    good = frame.drop(index=list(reasons))
    return {"good": len(good), "rejected": sorted(index + 1 for index in reasons), **clock.stop()}


def by_polars(path: str) -> dict[str, Any]:
    """pandera on Polars."""
    import pandera.polars as pa
    import polars as pl

    clock = Clock()
    frame = pl.read_csv(path, infer_schema=False).with_columns(pl.all().fill_null(""))

    def ok(test: Any) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(test(pl.col(data.key))))

    first, last = datetime(2000, 1, 1, tzinfo=UTC), datetime.fromtimestamp(NOW / 1e6 + 86_400, UTC)
    times = ok(
        lambda c: (
            c.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_zone="UTC")
            .is_between(first, last)
            .fill_null(False)
        )
    )
    schema = pa.DataFrameSchema(
        columns(pa, times),
        checks=pa.Check(lambda data: data.lazyframe.select((pl.col("kind") == "note") | (pl.col("target_id") != ""))),
    )
    reasons: dict[int, list[str]] = {}
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases.drop_nulls("index")
        for index, check in zip(cases["index"], cases["check"], strict=True):
            reasons.setdefault(int(index), []).append(str(check))
    keep = np.ones(len(frame), bool)
    keep[list(reasons)] = False
    good = frame.filter(pl.Series(keep))
    return {"good": len(good), "rejected": sorted(index + 1 for index in reasons), **clock.stop()}


def _times(column: Any) -> Any:
    import pandas as pd

    return pd.to_datetime(column, format="%Y-%m-%dT%H:%M:%SZ", errors="coerce", utc=True)


def _latest() -> Any:
    import pandas as pd

    return pd.Timestamp(NOW + 86_400_000_000, unit="us", tz="UTC")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--bad", type=float, default=0.02, help="share of bad rows")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "events.csv"
        write(path, given.rows, given.bad, given.seed)
        print(f"{given.rows:,} rows, {path.stat().st_size >> 20} MiB (synthetic)\n")
        print("| way | wall s | CPU s | peak MB | good | rejected |\n|---|---|---|---|---|---|")
        answers = []
        for name, job in (("SQL (Shoal)", by_sql), ("pandera, pandas", by_pandas), ("pandera, Polars", by_polars)):
            found = in_a_process(job, str(path))
            answers.append(found["rejected"])
            figures = (found["wall_s"], found["cpu_s"], found["peak_mb"], f"{found['good']:,}", len(found["rejected"]))
            print(f"| {name} | " + " | ".join(map(str, figures)) + " |", flush=True)
    print(f"\nall reject the same rows: {'yes' if all(a == answers[0] for a in answers) else 'NO'}")


if __name__ == "__main__":
    main()
