"""`shoal coact` as a person runs it: what it says, what it refuses and how, and that it leaves no half-written file."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shoalkit import Done, shoal

from graph.model import DERIVED, EDGES, KINDS
from graph.tablefiles import SUFFIXES, read_table
from ingest.on_request import ON_REQUEST

ROOT = Path(__file__).parents[2]
T0 = 1_788_000_000_000_000  # microseconds UTC, 2026-08-29
SECOND = 1_000_000
ACTION = ("account_id", "channel", "object_id", "at")


def coact(*arguments: object) -> Done:
    """Run `shoal coact` in this process, from the entry point on."""
    return shoal("coact", *arguments)


def write_csv(path: Path, header: tuple[str, ...], rows: list[Any]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.fixture
def actions(tmp_path: Path) -> Callable[..., Path]:
    """Write actions (account, object, seconds after T0, and maybe a channel) to a file."""

    def write(*rows: Any, name: str = "actions.csv") -> Path:
        full = [(who, *(channel or ["share"]), thing, T0 + at * SECOND) for who, thing, at, *channel in rows]
        return write_csv(tmp_path / name, ACTION, full)

    return write


PAIR = (("a", "o", 0), ("b", "o", 5))
ALL = ("--format", "actions", "--all", "--no-test")


def test_a_pair_is_written_and_told(actions: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "e.parquet"
    done = coact(actions(*PAIR), *ALL, "--window", "60s", "--out", out)
    assert done.code == 0
    assert done.out.splitlines() == [
        "2 actions of 2 accounts from 2026-08-29 to 2026-08-29, window 60 s",
        f"{out}: 2 rows",
    ]
    table = pq.read_table(out)
    assert table.schema.remove_metadata().equals(EDGES.schema)
    assert [(r["account_a"], r["account_b"], r["channel"], r["first_at"]) for r in table.to_pylist()] == [
        ("a", "b", "all", T0),
        ("a", "b", "share", T0),
    ]
    choices = read_table(out)[1]
    assert choices["parameters"]["coaction"]["window"] == 60 * SECOND
    assert choices["parameters"]["every"] is True
    assert choices["inputs"][0]["rows"] == 2
    assert choices["found"]["accounts"] == 2
    assert choices["versions"]["duckdb"]


@pytest.mark.parametrize(
    ("rows", "asked", "said"),
    [
        ([("a", "o", 0), ("a", "o", 1)], (), "only one account acts"),
        ([("a", "o", 0), ("b", "o", 301)], (), "no two accounts acted on the same object within 300 s"),
        ([("a", "o", 0), ("b", "p", 0)], (), "no two accounts acted on the same object"),
        ([("a", "o", 0), ("b", "o", 0)], ("--min-participation", 2), "no pair of accounts is left that co-acted on 2"),
        (
            [("a", "o", 0), ("b", "o", 0)],
            ("--until", "2020-01-01", "--since", "2019-01-01"),
            "no action lies in the data",
        ),
    ],
)
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_to_find_is_an_empty_valid_file_and_a_sentence(
    actions: Callable[..., Path], tmp_path: Path, rows: list[Any], asked: tuple[Any, ...], said: str, suffix: str
) -> None:
    out = tmp_path / f"e{suffix}"
    done = coact(actions(*rows), *ALL, *asked, "--out", out)
    assert (done.code, done.out.splitlines()[-1][:20]) == (0, "The table is empty: "), done.err
    assert said in done.out
    table, choices = read_table(out)
    assert table.num_rows == 0
    assert choices["made_by"] == "shoal coact"
    if suffix in (".parquet", ".csv"):
        assert table.column_names == EDGES.columns


def test_without_significant_edges_the_reason_is_told(actions: Callable[..., Path], tmp_path: Path) -> None:
    done = coact(actions(*PAIR), "--format", "actions", "--out", tmp_path / "e.csv")
    assert done.code == 0
    assert "m = 0 pairs tested" in done.out
    assert "no two accounts co-acted on 3 objects or more; --all shows what there is" in done.out


def test_rows_that_cannot_be_used_are_kept_beside_the_table_and_the_first_is_told(tmp_path: Path) -> None:
    rows = [("a", "share", "o", T0), ("b", "share", "o", T0), ("c", "share", "o", ""), ("", "share", "o", T0)]
    path, out = write_csv(tmp_path / "i.csv", ACTION, [*rows, ("d", "share", "", T0)]), tmp_path / "e.csv"
    done = coact(path, *ALL, "--out", out)
    assert done.code == 0
    assert "5 rows of actions: 2 appended, 3 rejected (see" in done.err
    assert "the first is row 3, at: empty" in done.err
    kept = [json.loads(line) for line in (tmp_path / "e.csv.rejected.jsonl").read_text().splitlines()]
    assert [(r["row"], r["reasons"]) for r in kept] == [
        (3, ["at: empty"]),
        (4, ["account_id: empty"]),
        (5, ["object_id: empty"]),
    ]
    assert len(read_table(out)[0]) == 2
    # once nothing is refused, what an earlier run kept is gone
    write_csv(path, ACTION, rows[:2])
    assert coact(path, *ALL, "--out", out).code == 0
    assert not (tmp_path / "e.csv.rejected.jsonl").exists()


@pytest.mark.parametrize(
    ("at", "unit"),
    [(T0 // SECOND, "seconds"), (T0 // 1000, "milliseconds"), (T0 * 1000, "nanoseconds")],
)
def test_mixed_units_of_time_are_refused_with_the_row(tmp_path: Path, at: int, unit: str) -> None:
    rows = [("a", "share", "o", T0), ("b", "share", "o", T0), ("c", "share", "o", at)]
    done = coact(write_csv(tmp_path / "i.csv", ACTION, rows), *ALL, "--out", tmp_path / "e.csv")
    assert done.code == 2
    assert "i.csv: row 3, at: " in done.err
    assert f"it looks like {unit}" in done.err
    assert not (tmp_path / "e.csv").exists()


@pytest.mark.parametrize("preset", ["coortweet", "coordination-network-toolkit"])
@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("", "empty; expected seconds since 1970"),
        ("yesterday", "yesterday is no time"),
        ("nan", "nan is no time"),
        (str(T0), "looks like microseconds, and the rows before it like seconds"),
        (str(T0 // 1000), "looks like milliseconds"),
    ],
)
def test_a_preset_refuses_a_wrong_time_with_its_row(tmp_path: Path, preset: str, at: str, said: str) -> None:
    seconds = str(T0 // SECOND)
    if preset == "coortweet":
        header: tuple[str, ...] = ("object_id", "account_id", "content_id", "timestamp_share")
        rows = [("o", "a", "c", seconds), ("o", "b", "d", at)]
        asked: tuple[str, ...] = ()
    else:
        header = ("message_id", "user_id", "username", "repost_id", "reply_id", "message", "timestamp", "urls")
        rows = [("1", "a", "", "", "", "hi", seconds, ""), ("2", "b", "", "", "", "hi", at, "")]
        asked = ("--network", "co_post")
    path = write_csv(tmp_path / "i.csv", header, rows)
    done = coact(path, "--preset", preset, *asked, "--out", tmp_path / "e.csv")
    assert done.code == 2
    assert f"i.csv: row 2, {header[-1] if preset == 'coortweet' else 'timestamp'}: " in done.err
    assert said in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["i.csv"]


@pytest.mark.parametrize(
    ("window", "preset", "code"),
    [
        ("0s", "default", 2),
        ("1000d", "default", 2),
        ("0s", "coortweet", 0),
        ("1000d", "coortweet", 0),
        ("9999999d", "coortweet", 2),
        ("-5s", "default", 2),
        ("5", "default", 2),
    ],
)
def test_windows_of_nothing_and_of_years(tmp_path: Path, window: str, preset: str, code: int) -> None:
    rows = [("o", "a", "c", T0 // SECOND), ("o", "b", "d", T0 // SECOND)]
    path = write_csv(tmp_path / "i.csv", ("object_id", "account_id", "content_id", "timestamp_share"), rows)
    asked = ("--format", "coortweet") if preset == "default" else ("--preset", preset, "--min-participation", 1)
    done = coact(path, *asked, f"--window={window}", "--out", tmp_path / "e.csv")
    assert done.code == code, done.err
    if code:
        assert "window" in done.err
        assert not (tmp_path / "e.csv").exists()
    else:
        assert len(read_table(tmp_path / "e.csv")[0]) == 1


def test_ids_that_look_alike_are_warned_of_and_stay_apart(actions: Callable[..., Path], tmp_path: Path) -> None:
    numbers = tmp_path / "numbers.parquet"
    held = {"account_id": [1, 2], "channel": ["share"] * 2, "object_id": ["o"] * 2, "at": [T0, T0]}
    pq.write_table(pa.table(held), numbers)
    other = actions(("1", "o", 1), ("1.0", "o", 1), ("Ann", "o", 2), ("ann", "o", 2))
    done = coact(numbers, other, *ALL, "--out", tmp_path / "e.csv")
    assert done.code == 0
    assert "Warning: 2 pairs of account ids differ only in case" in done.err
    assert "'1' and '1.0', 'Ann' and 'ann'" in done.err
    accounts = {a for r in read_table(tmp_path / "e.csv")[0].to_pylist() for a in (r["account_a"], r["account_b"])}
    assert accounts == {"1", "1.0", "2", "Ann", "ann"}  # the number 1 of one file is the text 1 of the other


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("i.csv", "", "empty file"),
        ("i.csv", "account_id,channel,object_id,at,content_id,timestamp_share\n", "no rows"),
        ("i.csv", "who,what\n1,2\n", "missing column"),
        ("i.csv", "account_id,account_id\n1,2\n", "stands there twice"),
        ("i.txt", "hello", "cannot tell what this is"),
        ("i.parquet", "hello", "cannot be read as parquet"),
        ("i.jsonl", "hello\n", "no line of it is a JSON object"),
    ],
)
@pytest.mark.parametrize("preset", ["default", "coortweet"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, content: str, said: str, preset: str) -> None:
    (tmp_path / name).write_text(content)
    asked = ("--format", "actions") if preset == "default" else ("--preset", preset)
    done = coact(tmp_path / name, *asked, "--out", tmp_path / "e.csv")
    assert done.code == 2
    assert name in done.err
    assert said in done.err
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_file_that_is_not_there_and_a_folder_without_any(tmp_path: Path) -> None:
    for preset in ((), ("--preset", "coortweet")):
        done = coact(tmp_path / "no.csv", *preset, "--out", tmp_path / "e.csv")
        assert (done.code, "no.csv: no such file" in done.err) == (2, True)
        done = coact(tmp_path, *preset, "--out", tmp_path / "e.csv")
        assert (done.code, "no file in this folder" in done.err) == (2, True)


def test_out_may_be_no_input_by_any_name(actions: Callable[..., Path], tmp_path: Path) -> None:
    path = actions(*PAIR)
    (tmp_path / "link.csv").symlink_to(path)
    before = path.read_bytes()
    for out in (path, tmp_path / "link.csv", tmp_path / "." / "actions.csv"):
        done = coact(path, *ALL, "--out", out)
        assert (done.code, "is one of the files that are read" in done.err) == (2, True)
    assert coact(tmp_path, *ALL, "--out", path).code == 2
    # nor may an input lie where refused rows would be kept
    mended = actions(*PAIR, name="e.csv.rejected.jsonl")
    done = coact(mended, *ALL, "--out", tmp_path / "e.csv")
    assert (done.code, "is one of the files that are read" in done.err) == (2, True)
    assert (path.read_bytes(), mended.exists()) == (before, True)


def test_out_must_be_a_place_that_can_be_written_to(actions: Callable[..., Path], tmp_path: Path) -> None:
    path = actions(*PAIR)
    for out, said in (
        (tmp_path / "e.xlsx", "expected a name ending in .parquet, .csv, .graphml or .gexf"),
        (tmp_path / "no" / "e.csv", "there is no folder"),
        (Path("/proc/e.csv"), "cannot be written"),
    ):
        done = coact(path, *ALL, "--out", out)
        assert (done.code, said in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--preset", "coortweet", "--fdr", "0.1"), "--fdr means nothing to --preset coortweet"),
        (("--preset", "coortweet", "--network", "co_post"), "--network means nothing"),
        (("--fast-window", "1s"), "--fast-window means nothing to --preset default"),
        (("--preset", "coordination-network-toolkit"), "needs --network"),
        (("--preset", "coortweet", "--fast-window", "60s"), "expected at most the time window"),
        (("--preset", "coortweet", "--edge-weight", "2"), "expected a quantile from 0 to 1"),
        (("--format", "actions", "--channel", "like"), "nobody acted on 'like'; there are share"),
        (("--format", "actions", "--fdr", "0"), "expected a rate between 0 and 1"),
        (("--format", "actions", "--min-participation", "0"), "expected at least 1"),
        (("--format", "actions", "--no-test"), "ask for every pair"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    actions: Callable[..., Path], tmp_path: Path, asked: tuple[str, ...], said: str
) -> None:
    done = coact(actions(*PAIR), *asked, "--out", tmp_path / "e.csv")
    assert (done.code, said in done.err) == (2, True), done.err
    assert not (tmp_path / "e.csv").exists()


def test_empty_keys_never_meet(tmp_path: Path) -> None:
    """Where the toolkit links all messages without a URL, and all empty texts."""
    rows = [
        {"event_id": f"e{i}", "account_id": who, "kind": "note", "at": T0, "text": text, "urls": urls, "hashtags": tags}
        for i, (who, text, urls, tags) in enumerate(
            [("a", "", [], []), ("b", "", [""], ["#"]), ("c", " ", [], [""]), ("d", None, None, None)]
        )
    ]
    path = tmp_path / "interactions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = coact(path, "--all", "--no-test", "--out", tmp_path / "e.csv")
    assert done.code == 0
    assert "The table is empty" in done.out


SAME = "The new tea from the mountain shop tastes like rain"  # and a near copy of it: one template
NEAR = "The new tea from the mountain shop tastes like rain!! 🍵"


def on_every_channel(who: str, second: int, text: str) -> list[dict[str, Any]]:
    """What one account does, `second` seconds after T0, on objects of every kind."""
    at = T0 + second * SECOND
    base = {"account_id": who, "at": at}
    rows = [{**base, "kind": kind, "target_id": "x"} for kind in KINDS if kind != "note"]
    for row in rows:
        if row["kind"] == "message":
            row["text"] = text
        if row["kind"] == "comment":
            row["device_id"] = "d1"
            row["conversation_id"] = "thread"
    held = {
        "media": [f"{who}.jpg"],
        "urls": [f"https://Shop.example/tea?utm_source={who}"],
        "hashtags": ["#Tea", "rain", "Shop"],
    }
    return [*rows, {**base, "kind": "note", "content_id": f"note-of-{who}", "text": text, **held}]


@pytest.mark.parametrize(
    ("channel", "objects"),
    [(name, {"hashtag": 3, "device": 2}.get(name, 1)) for name in (*KINDS[1:], *DERIVED, *ON_REQUEST)],
)
def test_every_channel_is_reached_from_the_native_format(tmp_path: Path, channel: str, objects: int) -> None:
    """Ann and bob meet on it within a minute; eve comes an hour later and meets nobody.

    Each names three hashtags; both commented on one device, and both were registered on another.
    """
    note = {"account_id": "author", "kind": "note", "at": T0, "content_id": "x"}  # what is answered fast
    late = on_every_channel("eve", 3600, SAME)
    rows = [note, *on_every_channel("ann", 5, SAME), *on_every_channel("bob", 45, NEAR), *late]
    path, people = tmp_path / "interactions.jsonl", tmp_path / "accounts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    registered = [
        {"account_id": who, "registered_at": T0 - at * SECOND, "registration_client": "tool", "device_id": "d2"}
        for who, at in (("ann", 86_400), ("bob", 86_430), ("eve", 80_000))
    ]
    people.write_text("".join(json.dumps(row) + "\n" for row in registered))
    shown = tmp_path / "media.jsonl"
    picture = {"status": "none", "markers": [], "hash": {"pdq": "c3" * 32}}
    shown.write_text("".join(json.dumps({"file": f"{who}.jpg", **picture}) + "\n" for who in ("ann", "bob", "eve")))
    out = tmp_path / "e.csv"
    done = coact(
        path,
        people,
        shown,
        "--format",
        "auto",
        "--channel",
        channel,
        "--window",
        "60s",
        "--all",
        "--no-test",
        "--out",
        out,
    )
    assert done.code == 0, done.err
    table, choices = read_table(out)
    found = [(r["account_a"], r["account_b"], r["channel"], int(r["objects"])) for r in table.to_pylist()]
    assert sorted(found) == sorted(("ann", "bob", name, objects) for name in ("all", channel))
    assert [i["file"] for i in choices["inputs"]] == ["interactions.jsonl", "accounts.jsonl", "media.jsonl"]


def test_devices_and_clients_are_looked_at_only_where_asked(tmp_path: Path) -> None:
    rows = [
        {"account_id": who, "kind": "like", "at": T0, "target_id": who, "device_id": device}
        for who, device in (("ann", "d"), ("bob", "d"), ("eve", ""), ("kim", ""))
    ]
    path, out = tmp_path / "interactions.jsonl", tmp_path / "e.csv"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = ("--all", "--no-test", "--out", out)
    assert "The table is empty" in coact(path, *asked).out
    assert coact(path, *asked, "--channel", "device", "--channel", "like").code == 0
    edges = [(r["account_a"], r["account_b"], r["channel"]) for r in read_table(out)[0].to_pylist()]
    assert edges == [("ann", "bob", "all"), ("ann", "bob", "device")]  # no device is no device that two share
    # nobody's registration is known, which is no empty result but a question that means nothing
    done = coact(path, *asked, "--channel", "registration_client")
    assert (done.code, "nobody acted on 'registration_client'; there are like" in done.err) == (2, True)


SEVERAL = """
import sys
from unittest.mock import patch
from shoal import main
source, folder = sys.argv[1:]
for suffix in ("parquet", "csv", "graphml", "gexf"):
    line = ["shoal", "coact", source, "--format", "actions", "--all", "--fdr", "0.2", "--window", "60s", "--out"]
    with patch.object(sys, "argv", [*line, f"{folder}/e.{suffix}"]):
        main()
"""


def test_the_same_rows_give_the_same_bytes_whatever_their_order_and_the_hash_seed(tmp_path: Path) -> None:
    rng = random.Random(3)
    rows = [
        (
            f"e{i}",
            f"a{rng.randrange(60)}",
            rng.choice(["share", "like"]),
            f"o{rng.randrange(40)}",
            T0 + rng.randrange(10**10),
        )
        for i in range(1500)
    ]
    rows += [(f"{who}{i}", who, "share", f"o{i}", T0 + i * 10**8 + j) for i in range(9) for j, who in enumerate("xy")]
    made = []
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path = write_csv(folder / "in.csv", ("event_id", *ACTION), rng.sample(rows, len(rows)))
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
        line = [sys.executable, "-c", SEVERAL, path, folder]
        subprocess.run(line, env=environment, check=True, capture_output=True)
        path.unlink()
        made.append({p.name: p.read_bytes() for p in folder.iterdir()})
    assert sorted(made[0]) == ["e.csv", "e.csv.meta.json", "e.gexf", "e.graphml", "e.parquet"]
    assert made[0] == made[1]
    assert {"x", "y"} <= set(read_table(tmp_path / "1" / "e.csv")[0]["account_a"].to_pylist()) | {"y"}


def test_interrupted_it_leaves_no_half_written_file(tmp_path: Path) -> None:
    """SIGINT while a table of eight million pairs is made; nothing is left, neither beside the table nor in TMPDIR."""
    held = {"account_id": [f"a{i}" for i in range(4000)], "channel": ["share"] * 4000, "object_id": ["o"] * 4000}
    path, out, scratch = tmp_path / "in.parquet", tmp_path / "e.csv", tmp_path / "scratch"
    pq.write_table(pa.table({**held, "at": [T0] * 4000}), path)
    scratch.mkdir()
    out.write_text("what was there before")
    line = [sys.executable, "-m", "shoal", "coact", str(path), *ALL, "--out", str(out)]
    environment = {**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        line,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a suite that was started in the background hands down that SIGINT is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - no thread here
    )
    assert running.stderr is not None
    for said in running.stderr:
        if said.startswith("writing"):
            break
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 130, err
    assert "Interrupted" in err
    assert out.read_text() == "what was there before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.csv", "in.parquet", "scratch"]
    assert list(scratch.iterdir()) == []
