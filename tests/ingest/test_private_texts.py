"""Private texts: never stored; where a setting asks for it, apart, for a time, and read only under audit."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shoalkit import Done, shoal
from sqlalchemy import select

from api.audit import verify_chain
from api.store import configured, reading
from api.tables import audit
from graph.log import EventLog
from graph.model import DAY
from graph.workspace import Workspace

SAID = "meet me at the old mill, tell nobody"
SETTING = "SHOAL_STORE_PRIVATE_TEXT_DAYS"
NOW = time.time_ns() // 1000


def row(event: str, days_ago: float, **more: Any) -> dict[str, Any]:
    at = NOW - int(days_ago * DAY)
    base = {"event_id": event, "account_id": "ann", "kind": "message", "at": at, "target_id": "bob", "text": SAID}
    return {**base, **more}


ROWS = [
    row("m1", 1),
    row("m2", 20),
    row("g1", 2, account_id="eve", kind="group_message", target_id="chat-1", text=f"all of you: {SAID}"),
    row("c1", 1, kind="comment", target_id="n1", text="how nice"),
    row("m3", 1, text=None),
]


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def ingest(place: Workspace, tmp_path: Path, rows: list[dict[str, Any]] = ROWS, name: str = "events.jsonl") -> Done:
    return shoal("ingest", write(tmp_path / name, rows), "--dir", place.root)


def kept(place: Workspace) -> dict[str, str]:
    """What lies in the folder of private texts, whatever the setting is now."""
    tables = [pq.read_table(path) for path in sorted((place.root / "private").glob("*.parquet"))]
    rows = [r for table in tables for r in table.to_pylist()]
    assert len({r["event_id"] for r in rows}) == len(rows)
    return {r["event_id"]: r["text"] for r in rows}


def everywhere(root: Path, words: str) -> list[str]:
    """Files of a folder that hold these words, in plain or inside Parquet."""
    found = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        if path.suffix == ".parquet":
            table = pq.read_table(path, partitioning=None)
            held = any(words in str(value) for column in table.columns for value in column.to_pylist())
        else:
            held = words.encode() in path.read_bytes()
        if held:
            found.append(path.name)
    return found


def test_without_the_setting_nothing_is_stored(place: Workspace, tmp_path: Path) -> None:
    assert ingest(place, tmp_path).code == 0
    assert not (place.root / "private").exists()
    assert everywhere(place.root, "old mill") == []
    assert everywhere(place.root, "how nice") == ["interactions.parquet"]
    refused = shoal("read-private", "m1", "--reason", "x", "--dir", place.root)
    assert refused.code != 0
    assert SETTING in refused.err


def test_with_it_they_lie_apart_and_for_the_owner_alone(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "10")
    assert ingest(place, tmp_path).code == 0
    assert kept(place) == {"m1": SAID, "g1": f"all of you: {SAID}"}  # m2 is too old, m3 says nothing, c1 is public
    (file,) = (place.root / "private").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert everywhere(place.root, "old mill") == [file.name]
    again = ingest(place, tmp_path, [*ROWS, row("m4", 0)], "more.jsonl")
    assert "1 appended, 5 in the log already" in again.out
    assert set(kept(place)) == {"m1", "g1", "m4"}


def test_time_takes_them_away(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path)
    assert set(kept(place)) == {"m1", "m2", "g1"}
    monkeypatch.setenv(SETTING, "15")
    assert place.private_texts.read(["m1", "m2"]).keys() == {"m1"}, "too old is not read, even before it goes"
    with place.writing():
        assert set(kept(place)) == {"m1", "g1"}, "any command that writes takes it away"
    monkeypatch.delenv(SETTING)
    assert place.private_texts.read(["m1"]) == {}
    with place.writing():
        assert kept(place) == {}


def test_a_throwaway_log_keeps_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingest.stage import staged

    monkeypatch.setenv(SETTING, "30")
    with staged([write(tmp_path / "events.jsonl", ROWS)], "native", say=lambda _: None) as log:
        assert everywhere(log.root.parent, "old mill") == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_between_texts_and_log_nothing_is_there_twice_or_alone(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    monkeypatch.setenv(SETTING, "30")
    commit = EventLog.commit

    def dies(log: EventLog, staging: Path, info: dict[str, Any]) -> Any:
        if when == "after":
            commit(log, staging, info)
        raise KeyboardInterrupt

    monkeypatch.setattr(EventLog, "commit", dies)
    assert ingest(place, tmp_path).code == 130
    monkeypatch.setattr(EventLog, "commit", commit)
    assert set(kept(place)) == {"m1", "m2", "g1"}
    (place.root / "private" / ".half.parquet.tmp").write_bytes(b"half")
    with place.writing():
        assert set(kept(place)) == (set() if when == "before" else {"m1", "m2", "g1"})
        assert not list((place.root / "private").glob(".*"))
    assert ingest(place, tmp_path).code == 0
    assert set(kept(place)) == {"m1", "m2", "g1"}
    assert place.log.connect().sql("SELECT count(*) FROM interactions").fetchall() == [(5,)]


def test_compacting_the_log_changes_nothing(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "30")
    for i, each in enumerate(ROWS):
        ingest(place, tmp_path, [each], f"{i}.jsonl")
    before = kept(place)
    assert shoal("compact", "--dir", place.root).code == 0
    with place.writing():
        assert kept(place) == before
    assert set(before) == {"m1", "m2", "g1"}


def test_erasure_takes_them_too(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path)
    told = shoal("forget", "--account", "ann", "--dir", place.root)
    assert "private texts: 2" in told.out
    assert set(kept(place)) == {"m1", "m2", "g1"}
    assert shoal("forget", "--account", "ann", "--yes", "--dir", place.root).code == 0
    assert set(kept(place)) == {"g1"}
    early = time.strftime("%Y-%m-%d", time.gmtime(NOW / 1e6 + 86_400))
    assert shoal("forget", "--before", early, "--yes", "--dir", place.root).code == 0
    assert kept(place) == {}


def test_a_damaged_file_is_named(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path)
    assert shoal("verify", "--dir", place.root).code == 0
    (file,) = (place.root / "private").iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    verified = shoal("verify", "--dir", place.root)
    assert verified.code == 5
    assert file.name in verified.out


def test_reading_is_in_the_audit_log_before_anything_is_shown(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path, [*ROWS, row("m9", 1, text="tell\x1b[2J\x9b1m 他们 \u202e nobody")])
    done = shoal("read-private", "m1", "m9", "m1", "--reason", "appeal 7", "--dir", place.root)
    assert done.code == 0, done.err
    first, second = done.out.splitlines()
    assert json.loads(first)["text"] == SAID
    assert json.loads(second)["text"] == "tell\x1b[2J\x9b1m 他们 \u202e nobody"
    assert all(c.isprintable() for c in second), "nothing that a terminal obeys"
    assert "他们" in second
    with configured(place.root) as engine:
        with reading(engine) as tx:
            rows = tx.execute(select(audit).where(audit.c.event == "private_text.read").order_by(audit.c.seq)).all()
        verify_chain(engine)
    assert [(r.subject, r.detail) for r in rows] == [
        ("m1", {"account_id": "ann", "reason": "appeal 7"}),
        ("m9", {"account_id": "ann", "reason": "appeal 7"}),
    ]
    assert rows[0].actor.startswith("cli:")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (["m1"], "--reason"),
        (["m1", "--reason", " "], "say why"),
        (["m1", "nothing", "--reason", "x"], "no private text is kept of event nothing"),
        (["c1", "--reason", "x"], "no private text is kept of event c1"),
        ([*(f"e{i}" for i in range(101)), "--reason", "x"], "at most 100"),
    ],
)
def test_reading_is_refused(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str], says: str
) -> None:
    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path)
    done = shoal("read-private", *asked, "--dir", place.root)
    assert done.code != 0
    assert says in done.err
    assert "old mill" not in done.out + done.err


def test_what_cannot_be_audited_is_not_shown(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import api.private_texts

    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path)

    def full(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(api.private_texts.audit, "append", full)
    with pytest.raises(OSError, match="disk full"):
        shoal("read-private", "m1", "--reason", "x", "--dir", place.root)


@pytest.mark.parametrize("days", ["0", "-1", "x", "4000"])
def test_a_retention_that_is_none_is_refused(
    place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv(SETTING, days)
    done = ingest(place, tmp_path)
    assert done.code == 2
    assert f"environment: {SETTING}: Input should be" in done.err


def test_the_schema_is_what_is_written(place: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "30")
    ingest(place, tmp_path)
    (file,) = (place.root / "private").iterdir()
    assert pq.read_schema(file).names == ["event_id", "account_id", "at", "text"]
    assert pq.read_table(file).schema.field("at").type == pa.int64()
