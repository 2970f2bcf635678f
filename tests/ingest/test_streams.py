"""`shoal ingest -` and `shoal watch`: whole batches, nothing lost by a kill, a clean end by Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from graph.compaction import ENOUGH
from graph.errors import ConflictError, InputError
from graph.forgetting import begin, finish, forget_in_log, wish_for
from graph.stopping import Stop
from graph.verify import verify
from graph.workspace import Workspace
from ingest import stream as streams
from ingest.load import ingest
from ingest.stream import Stream
from ingest.watch import Watch, _is_open

AT = 1_788_000_000_000_000


def event(i: int, **more: object) -> str:
    row = {"event_id": f"e{i}", "account_id": f"a{i % 7}", "kind": "like", "at": AT + i, "target_id": f"n{i % 5}"}
    return json.dumps({**row, **more}) + "\n"


@pytest.fixture
def stop() -> Iterator[Stop]:
    wake, ring = os.pipe()
    yield Stop(wake)
    os.close(wake)
    os.close(ring)


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "data")


def events(place: Workspace) -> list[str]:
    with place.log.connect() as connection:
        return [row[0] for row in connection.execute("SELECT event_id FROM interactions ORDER BY event_id").fetchall()]


@contextmanager
def sent(*parts: str) -> Iterator[int]:
    """A descriptor from which these parts can be read, then the end."""
    out, into = os.pipe()

    def send() -> None:
        with os.fdopen(into, "w") as file:
            for part in parts:
                file.write(part)
                file.flush()

    thread = threading.Thread(target=send)
    thread.start()
    yield out
    thread.join()
    os.close(out)


def stream(place: Workspace, stop: Stop, *parts: str) -> list[str]:
    said: list[str] = []
    with sent(*parts) as source:
        Stream(place, "native", said.append, stop).run(source)
    return said


def test_a_stream_is_committed_in_batches_and_says_how_far_it_got(
    place: Workspace, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LINES", 40)
    monkeypatch.setattr(streams, "CHUNK", 700)
    text = "".join(event(i) for i in range(100)) + event(100).rstrip("\n")
    said = stream(place, stop, text[:333], text[333:5000], text[5000:])
    assert events(place) == sorted(f"e{i}" for i in range(101))
    assert len(place.log.batches()) >= 2
    assert said[-1] == "101 lines are in: 101 appended"
    assert list((place.root / "incoming").glob("stdin*")) == []
    again = stream(place, stop, text + "\n" + event(5, at="yesterday") + event(200))
    assert again[-1] == "103 lines are in: 1 appended, 101 in the log already, 1 rejected"
    assert len(events(place)) == 102


def test_a_batch_without_a_good_row_does_not_end_the_stream(
    place: Workspace, stop: Stop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LINES", 1)
    monkeypatch.setattr(streams, "CHUNK", 1)
    said: list[str] = []
    with (
        sent("no event\n", event(1)) as source,
        pytest.raises(InputError, match="1 batches had no row that can be used"),
    ):
        Stream(place, "native", said.append, stop).run(source)
    assert events(place) == ["e1"]
    assert said[0].startswith("refused: ")
    kept = list((place.root / "incoming").glob("refused-*.jsonl"))
    assert said[0].endswith(f"kept in {kept[0]}")
    assert [file.read_text() for file in kept] == ["no event\n"]


def test_a_stream_takes_up_what_a_killed_one_left(place: Workspace, stop: Stop) -> None:
    folder = place.root / "incoming"
    folder.mkdir(parents=True)
    (folder / "stdin.part").write_text(event(1) + event(2) + event(3)[:20])
    (folder / "stdin.jsonl").write_text(event(0))
    said = stream(place, stop, event(3))
    assert events(place) == ["e0", "e1", "e2", "e3"]
    assert "2 lines that an earlier stream left behind:" in said
    assert list(folder.glob("stdin*")) == []


def test_a_stream_keeps_the_log_in_few_folders(place: Workspace, stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "LINES", 1)
    monkeypatch.setattr(streams, "CHUNK", 1)
    monkeypatch.setattr("graph.compaction.ENOUGH", 4)
    stream(place, stop, *(event(i) for i in range(6)))
    assert len(place.log.batches()) == 6
    assert len(place.log.segments()) == 3
    assert ENOUGH > 4


def test_a_stream_waits_while_another_process_writes(place: Workspace, stop: Stop) -> None:
    """What it holds meanwhile is on disk; at the end it says that the folder is busy, and the next call has it."""
    with place.writing():
        other = Workspace(place.root)
        stop.asked = True
        (place.root / "incoming").mkdir()
        (place.root / "incoming" / "stdin.jsonl").write_text(event(1))
        with pytest.raises(ConflictError, match="another shoal"):
            Stream(other, "native", lambda _: None, stop).run(0)
    stop.asked = False
    stream(place, stop)
    assert events(place) == ["e1"]


def start(*arguments: str, place: Workspace, **more: int) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "shoal", *arguments, "--dir", str(place.root)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, **more)


def read_until(process: subprocess.Popen[str], found: Callable[[str], bool]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found(line):
            return line
    raise AssertionError("it ended before")


def _holds(part: Path, event_id: str) -> bool:
    try:
        return f'"{event_id}"' in part.read_text()
    except FileNotFoundError:
        return False


def test_kill_nine_and_ctrl_c_lose_nothing_of_a_stream(place: Workspace, stop: Stop) -> None:
    """The sender never repeats itself: what was killed is taken up from disk."""
    for number, how in enumerate((signal.SIGKILL, signal.SIGINT)):
        with start("ingest", "-", place=place) as process:
            assert process.stdin is not None
            process.stdin.write("".join(event(100 * number + i) for i in range(50)))
            process.stdin.flush()
            part = place.root / "incoming" / "stdin.part"
            last = f"e{100 * number + 49}"
            while not _holds(part, last) and last not in events(place):  # on a slow machine it is in the log by now
                assert process.poll() is None
            process.send_signal(how)
            process.stdin.close()
            code = process.wait()
        assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
    assert events(place) == sorted(f"e{100 * n + i}" for n in range(2) for i in range(50))
    assert verify(place.log, place.runs).damaged == []


# Watch


def watch(place: Workspace, folder: Path) -> tuple[Watch, list[str]]:
    said: list[str] = []
    return Watch(place, folder, "native", said.append, said.append), said


def test_a_file_is_taken_once_it_is_whole(place: Workspace, stop: Stop, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    watched, said = watch(place, folder)
    with (folder / "1.jsonl").open("w") as growing:
        growing.write(event(1))
        growing.flush()
        for _ in range(3):
            watched.look(stop)  # unchanged between looks, but somebody has it open for writing
        assert _is_open(folder / "1.jsonl")
        assert said == []
        growing.write(event(2))
    assert not _is_open(folder / "1.jsonl")
    watched.look(stop)
    assert said == []  # it changed since the last look
    watched.look(stop)
    watched.look(stop)
    assert len(said) == 1
    assert events(place) == ["e1", "e2"]
    (folder / "2.jsonl.part").write_text(event(3))
    (folder / ".3.jsonl").write_text(event(3))
    (folder / "4.jsonl").write_text("nothing\n")
    (folder / "5.txt").write_text("nothing\n")
    (folder / "6.jsonl").touch()
    for _ in range(3):
        watched.look(stop)
    assert (len(said), watched.refused) == (2, 1)
    assert said[1].startswith(f"refused: {folder / '4.jsonl'}")
    (folder / "2.jsonl.part").rename(folder / "2.jsonl")
    for _ in range(2):
        watched.look(stop)
    assert events(place) == ["e1", "e2", "e3"]


def test_a_watch_goes_on_where_it_was_and_knows_files_also_without_its_memory(
    place: Workspace, stop: Stop, tmp_path: Path
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.jsonl").write_text(event(1))
    watch(place, folder)[0].run(stop, 0.0, once=True)
    (folder / "2.jsonl").write_text(event(2))
    Watch(place, folder, "actions", print, print).run(stop, 0.0, once=True)  # by mistake: nothing of it stays
    second, said = watch(place, folder)
    second.run(stop, 0.0, once=True)
    assert [line.split(":")[0] for line in said] == [str(folder / "2.jsonl")]
    (place.root / "watch.json").unlink()
    third, said = watch(place, folder)
    third.run(stop, 0.0, once=True)
    assert [line.endswith("in the log already, nothing to do") for line in said] == [True, True]
    with (folder / "1.jsonl").open("a") as more:
        more.write(event(9))
    third.run(stop, 0.0, once=True)
    assert said[-1].endswith("2 rows of interactions: 1 appended, 1 in the log already")
    assert events(place) == ["e1", "e2", "e9"]


def test_a_busy_data_folder_is_tried_again(place: Workspace, stop: Stop, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "1.jsonl").write_text(event(1))
    watched, said = watch(place, folder)
    with place.writing():
        for _ in range(3):
            watched.look(stop)
    assert said == []
    watched.look(stop)
    assert events(place) == ["e1"]


def test_a_watch_ends_by_ctrl_c(place: Workspace, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with start("watch", str(folder), "--every", "0.05", place=place) as process:
        read_until(process, lambda line: line.startswith("Watching"))
        (folder / "1.jsonl").write_text(event(1))
        assert "1 appended" in read_until(process, lambda line: "1.jsonl" in line)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert events(place) == ["e1"]
    with pytest.raises(InputError, match="no such folder"):
        watch(place, tmp_path / "nowhere")


# What was forgotten does not come back


def test_old_files_do_not_bring_a_forgotten_account_back(place: Workspace, tmp_path: Path) -> None:
    rows = [event(i) for i in range(21)] + [event(50, account_id="a3", kind="follow", target_id="a2")]
    first, again = tmp_path / "1.jsonl", tmp_path / "again.jsonl"
    first.write_text("".join(rows))
    ingest(place, first)
    forget_in_log(place, begin(place, wish_for(["a2"], AT + 3)))
    finish(place)
    left = events(place)
    assert left == sorted([f"e{i}" for i in range(3, 21) if i % 7 != 2] + ["e50"])
    assert ingest(place, first).known
    bad = event(60, account_id="a2", at="yesterday")
    again.write_text("".join([*rows, bad, event(77, account_id="a2"), event(78), event(79, at=AT)]))
    done = ingest(place, again)
    assert (done.rows, done.appended, done.rejected) == (26, 1, 0)
    assert done.forgotten == 9  # of a2: 2, 9, 16, 50 on it, 60, 77; too old: 0, 1, 79
    assert done.appended + done.repeated + done.rejected + done.forgotten == done.rows
    assert "forgotten and left out" in str(done)
    assert events(place) == sorted([*left, "e78"])
    for file in place.root.rglob("*"):
        if file.suffix in (".json", ".jsonl"):
            assert '"a2"' not in file.read_text()


def test_a_file_of_forgotten_rows_alone_is_no_error(place: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "1.jsonl"
    file.write_text(event(2))
    forget_in_log(place, begin(place, wish_for(["a2"], None)))
    done = ingest(place, file)
    assert (done.rows, done.appended, done.forgotten) == (1, 0, 1)
    accounts = tmp_path / "accounts.csv"
    accounts.write_text("account_id,verified_role\na2,brand\na3,brand\n")
    assert (ingest(place, accounts).forgotten, events(place)) == (1, [])
    actions = tmp_path / "actions.csv"
    actions.write_text(f"account_id,channel,object_id,at\na3,message,account:a2,{AT}\na3,share,url:x,{AT}\n")
    assert ingest(place, actions, "actions").forgotten == 1
