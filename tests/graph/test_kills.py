"""kill -9 at random points: log and graph end as they do undisturbed, with nothing twice and nothing lost."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from graphkit import T0, append, make_run, random_batch, snapshot
from killkit import Killer, killer

from graph import embedded
from graph.files import write_bytes
from graph.forgetting import left
from graph.log import EventLog
from graph.model import LOG_TABLES
from graph.store import GraphStore
from graph.verify import verify
from graph.workspace import Workspace
from ingest.load import ingest

KILLS = 50  # of an ingest, again and again until it is done, then of the next; the first loads into Neo4j as well
GONE = "a2"


@pytest.fixture(scope="module")
def doomed() -> Iterator[Killer]:
    with killer() as made:
        yield made


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Small files of every table: with event ids and without, one that repeats half of another, and bad rows."""
    rng = random.Random(3)

    def row(i: int, ids: bool) -> dict[str, Any]:
        kind = rng.choice(["note", "comment", "like", "message", "follow"])
        made = {
            "account_id": f"a{rng.randrange(9)}",
            "kind": kind,
            "at": T0 + i * 1_000_000,
            "target_id": None if kind == "note" else f"{'a' if kind in ('message', 'follow') else 'n'}{i % 7}",
            "text": rng.choice(["buy the blue one now", "what a lovely colour this is", None]),
        }
        return {"event_id": f"e{i}", **made} if ids else made

    named, nameless = [row(i, True) for i in range(60)], [row(i, False) for i in range(40)]
    bad = [{**named[0], "event_id": f"bad{i}", "at": "yesterday"} for i in range(3)]
    people = [{"account_id": f"a{i}", "registration_client": "tool", "device_id": f"d{i % 2}"} for i in range(9)]
    labels = [
        {"account_id": f"a{i}", "label": "genuine", "source": "platform", "at": T0, "confidence": 1} for i in range(4)
    ]
    files = {"1": [*named, *bad], "2": nameless, "3": people, "4": labels, "5": [*named[30:], row(99, True)]}
    for name, rows in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return [str(tmp_path / f"{name}.jsonl") for name in files]


def content(log: EventLog) -> dict[str, Any]:
    """All that a log holds: its batches in order, and every row with the batch it came with."""
    found: dict[str, Any] = {"batches": [(b.batch_id, b.info["source"]) for b in log.batches()]}
    with log.connect() as connection:
        for table in LOG_TABLES:
            rows = connection.execute(f"SELECT * EXCLUDE (place) FROM ({log.source(table)})").fetchall()
            found[table] = sorted(map(repr, rows))
    return found


def test_fifty_kills_of_an_ingest_change_nothing(
    doomed: Killer, sources: list[str], store: GraphStore, neo4j: Workspace, tmp_path: Path
) -> None:
    server = embedded.find(neo4j)
    assert server is not None
    undisturbed = Workspace(tmp_path / "undisturbed")
    secret = undisturbed.secret("templates").encode()
    for file in sources:
        ingest(undisturbed, Path(file))
    wanted = content(undisturbed.log)
    rng, killed, tried, number = random.Random(11), 0, 0, 0
    while killed < KILLS:
        place = Workspace(tmp_path / f"killed-{number}")
        write_bytes(place.root / "secrets" / "templates", secret, mode=0o600)
        more = {"files": sources, "neo4j": [server.uri, server.username, server.password] if number == 0 else None}
        done = False  # an attempt whose time did not come before it was done
        while not done and killed < KILLS:
            point: dict[str, Any] = {"at": rng.randint(1, 60)} if tried % 2 else {"after": rng.uniform(0.01, 0.6)}
            done = doomed.attempt("ingest", place.root, **point, **more) is not None
            killed, tried = killed + (not done), tried + 1
            assert tried < 10 * KILLS
        assert doomed.attempt("ingest", place.root, **more) is not None
        assert content(place.log) == wanted
        with place.writing():
            pass
        found = verify(place.log, place.runs)
        assert (found.damaged, found.left_over) == ([], [])
        number += 1
    loaded = snapshot(store)
    store.wipe()
    store.prepare()
    store.load(undisturbed.log)
    assert loaded == snapshot(store)


def history(root: Path) -> Workspace:
    """A log of several batches, and two runs that hold its accounts."""
    place = Workspace(root)
    for seed in range(6):
        append(place.log, **random_batch(seed))
    place.runs.make_current(make_run(root, 20, "first"))
    make_run(root, 10, "second")
    place.secret("forgotten")
    write_bytes(place.rejects / "x.jsonl", b'{"record": {"account_id": "a1"}}\n{"record": {"account_id": "a2"}}\n')
    return place


def points(count: int, seed: int) -> list[int]:
    """Some operations at which to be killed, the first and the last among them."""
    return sorted({1, count, *random.Random(seed).sample(range(1, count + 1), min(5, count))})


def test_a_killed_compaction_leaves_the_log_as_it_was_or_as_it_becomes(doomed: Killer, tmp_path: Path) -> None:
    before = history(tmp_path / "whole")
    wanted = content(before.log)
    shutil.copytree(before.root, tmp_path / "undisturbed")
    count = doomed.attempt("compact", tmp_path / "undisturbed")
    assert count is not None
    for at in points(count, 1):
        place = Workspace(tmp_path / f"killed-{at}")
        shutil.copytree(before.root, place.root)
        assert doomed.attempt("compact", place.root, at=at) is None
        assert content(place.log) == wanted
        assert verify(place.log, place.runs).damaged == []
        assert doomed.attempt("compact", place.root) is not None
        assert content(place.log) == wanted
        assert len(place.log.segments()) == 1
        assert len(list((place.log.root / "batches").iterdir())) == 1


def test_a_killed_forgetting_is_finished_by_the_next_call(doomed: Killer, tmp_path: Path) -> None:
    before = history(tmp_path / "whole")
    for at in (None, *points(count_of(doomed, before, tmp_path), 2)):
        place = Workspace(tmp_path / f"killed-{at}")
        shutil.copytree(before.root, place.root)
        wish = {"accounts": [GONE], "before": None}
        if at is not None:
            assert doomed.attempt("forget", place.root, at=at, **wish) is None
        assert doomed.attempt("forget", place.root, **wish) is not None
        assert left(place) is None
        assert verify(place.log, place.runs).damaged == []
        assert len(place.runs.all()) == 2
        assert held_by(place) == 0
        assert len(list((place.log.root / "batches").iterdir())) == len(place.log.segments())


def count_of(doomed: Killer, before: Workspace, tmp_path: Path) -> int:
    shutil.copytree(before.root, tmp_path / "counted")
    count = doomed.attempt("forget", tmp_path / "counted", accounts=[GONE])
    assert count is not None
    return count


def held_by(place: Workspace) -> int:
    """How many cells of all files still name the account, alone or after a prefix; every file is read whole."""
    found = 0
    for file in place.root.rglob("*"):
        if file.suffix == ".parquet":
            table = pq.read_table(file, partitioning=None)
            for column in table.columns:
                cells = (str(cell) for cell in column.to_pylist())
                found += sum(cell in (GONE, f"account:{GONE}", f"cluster-{GONE}") for cell in cells)
        elif file.is_file() and file.suffix in (".json", ".jsonl", ".html"):
            found += f'"{GONE}"' in file.read_text()
    return found
