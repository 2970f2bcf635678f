"""`shoal windows` as a person runs it: the table, the picture, what it refuses, and the same bytes every time."""

from __future__ import annotations

import csv
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from shoalkit import Done, shoal

from graph.tablefiles import read_table
from graph.windows_text import COLUMNS

ROOT = Path(__file__).parents[2]
START = 1_788_220_800  # seconds, a midnight UTC
MICROS = 1_000_000
ACTION = ("account_id", "channel", "object_id", "at")


def windows(*arguments: object) -> Done:
    """Run `shoal windows` in this process, from the entry point on."""
    return shoal("windows", *arguments)


def write_csv(path: Path, rows: list[Any], header: tuple[str, ...] = ACTION) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def table_of(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """A table and the choices behind it, typed as COLUMNS."""
    _, choices = read_table(path)
    typed = pcsv.ConvertOptions(column_types=COLUMNS)
    return (pcsv.read_csv(path, convert_options=typed) if path.suffix == ".csv" else pq.read_table(path)), choices


def squads(jitter: int) -> list[tuple[str, str, str, int]]:
    """Two squads of six that act on 24 objects within `jitter` seconds over 12 days, and passers-by hours later."""
    rng, rows = random.Random(1), []
    for k in range(24):
        first = START + k * 43_200
        for s in "xy":
            rows += [(f"{s}{m}", "share", f"o{s}{k}", (first + rng.randrange(jitter)) * MICROS) for m in range(6)]
            rows += [(f"p{rng.randrange(60)}", "share", f"o{s}{k}", (first + 9000 * n) * MICROS) for n in range(1, 5)]
    return rows


ASKED = ("--format", "actions", "--windows", "5s,1m,1h")


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_csv(tmp_path_factory.mktemp("events") / "in.csv", squads(40))


def test_table_picture_and_suggestion(events: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("w.csv", "w.parquet", "w.svg", "w.html")]
    done = windows(events, *ASKED, "--out", files[0], "--plot", files[2])
    assert done.code == 0, done.err
    assert "Suggested: --window 1m." in done.out
    lines = done.out.splitlines()
    assert lines[0].startswith("480 actions from 2026-09-01 00:00 to 2026-09-12")
    assert [re.split(r" {2,}", line)[0] for line in lines[2:6]] == ["WINDOW", "5s", "1m *", "1h"]
    table, choices = table_of(files[0])
    assert table.column_names == COLUMNS.names
    assert table["window_seconds"].to_pylist() == [5, 60, 3600]
    assert table["suggested"].to_pylist() == [False, True, False]
    assert table["later_accounts"].to_pylist()[1:] == [12, 12]
    assert table["later_edges"].to_pylist()[1:] == [30, 30]  # two squads of six: 15 pairs each
    assert choices["suggested_seconds"] == 60
    assert START * MICROS < choices["halfway"] < choices["until"]
    assert ET.fromstring(files[2].read_text()).tag.endswith("svg")

    again = windows(events, *ASKED, "--out", files[1], "--plot", files[3])
    assert again.out == done.out
    held, kept = table_of(files[1])
    assert held.schema.remove_metadata().equals(COLUMNS)
    assert (held.to_pylist(), kept) == (table.to_pylist(), choices)
    assert files[3].read_text().startswith("<!doctype html>")


def test_the_same_rows_give_the_same_bytes_whatever_their_order_and_the_hash_seed(tmp_path: Path) -> None:
    made = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        rows = squads(40)
        random.Random(seed).shuffle(rows)
        source = write_csv(folder / "in.csv", rows)
        line = [sys.executable, "-m", "shoal", "windows", str(source), *ASKED]
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        given = ["--out", str(folder / "w.csv"), "--plot", str(folder / "w.html")]
        done = subprocess.run([*line, *given], env=environment, cwd=ROOT, check=True, capture_output=True, text=True)
        (folder / "said").write_text(done.stdout)
        source.unlink()
        made.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert sorted(made[0]) == ["said", "w.csv", "w.csv.meta.json", "w.html"]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("0s", "more than 0 and at most one day"),
        ("1m,0s", "more than 0 and at most one day"),
        ("730d", "more than 0 and at most one day"),
        ("soon", "'soon' is no length of time"),
        ("10", "'10' is no length of time"),
        ("10s,,1m", "'' is no length of time"),
        ("", "'' is no length of time"),
        ("-5s", "'-5s' is no length of time"),
        ("2y", "'2y' is no length of time"),
        ("1.5s", "'1.5s' is no length of time"),
    ],
)
def test_windows_that_mean_nothing_are_refused_before_anything_is_read(given: str, said: str, tmp_path: Path) -> None:
    done = windows(tmp_path / "not-read.csv", f"--windows={given}", "--out", tmp_path / "w.csv")
    assert done.code == 2
    assert said in done.err
    assert "not-read" not in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--out", "w.txt"), "expected a name ending in .csv or .parquet"),
        (("--plot", "w.png"), "expected a name ending in .svg or .html"),
        (("--out", "no/w.csv"), "there is no folder"),
        (("--out", "in.csv"), "is one of the files that are read"),
        (("--fdr", "0"), "expected a rate between 0 and 1"),
        (("--since", "2026-09-02", "--until", "2026-09-01"), "--since lies at or after --until"),
        (("--since", "2020-01-01", "--until", "2020-02-01"), "no action lies in the data window; they go from 2026-09"),
        (("--since", "yesterday"), "is no date or time"),
        (("--format", "native"), "missing column"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    asked: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_csv(tmp_path / "in.csv", [("a", "share", "o", START * MICROS), ("b", "share", "o", START * MICROS)])
    before = path.read_bytes()
    done = windows("in.csv", "--format", "actions", "--windows", "5s", *asked)
    assert done.code in (1, 2)
    assert said in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["in.csv"]
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(f"a{i}", "share", f"o{i}", (START + i) * MICROS) for i in range(9)], "No two accounts have a co-action"),
        ([("a", "share", f"o{i % 2}", (START + i) * MICROS) for i in range(9)], "No two accounts have a co-action"),
        ([("a", "share", "o", (START + i) * MICROS) for i in range(2)], "No two accounts have a co-action"),
    ],
    ids=["no co-action", "one account", "two rows"],
)
def test_nothing_to_find_is_a_valid_table_and_a_sentence(rows: list[Any], said: str, tmp_path: Path) -> None:
    out, plot = tmp_path / "w.csv", tmp_path / "w.svg"
    done = windows(write_csv(tmp_path / "in.csv", rows), *ASKED, "--out", out, "--plot", plot)
    assert done.code == 0, done.err
    assert said in done.out
    table, choices = table_of(out)
    assert table["earlier_edges"].to_pylist() == table["pairs"].to_pylist() == [0, 0, 0]
    assert choices["suggested_seconds"] is None
    ET.fromstring(plot.read_text())


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    write_csv(tmp_path / "none.csv", [])
    write_csv(tmp_path / "units.csv", [("a", "share", "o", START * MICROS), ("b", "share", "o", START)])
    write_csv(tmp_path / "times.csv", [("a", "share", "o", ""), ("b", "share", "o", "noon")])
    for name, said in (
        ("empty.csv", "empty file"),
        ("none.csv", "no rows"),
        ("units.csv", "row 2, at: "),
        ("times.csv", "none of its 2 rows can be used; row 1, at: empty"),
        ("absent.csv", "no such file"),
    ):
        done = windows(tmp_path / name, *ASKED)
        assert done.code == 2
        assert name in done.err
        assert said in done.err, done.err


def test_interactions_are_read_as_the_log_reads_them(tmp_path: Path) -> None:
    """From the native format, on every channel that it gives rise to."""
    path = tmp_path / "interactions.jsonl"
    rows = [
        {"account_id": who, "kind": "comment", "at": at, "target_id": thing, "urls": [f"https://shop.example/?{thing}"]}
        for who, _, thing, at in squads(4)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = windows(path, "--windows", "5s")
    assert done.code == 0, done.err
    assert done.out.startswith("960 actions")
    assert "Suggested: --window 5s." in done.out
