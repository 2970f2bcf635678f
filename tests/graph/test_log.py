"""The event log kept in order: manifest, verify, compaction, forgetting; by content, and as its readers see it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from graphkit import T0, append, make_run, random_batch, snapshot
from hypothesis import given
from hypothesis import strategies as st

from graph import compaction
from graph.basis import LogAsOf
from graph.compaction import compact, compact_if_due, due, whole
from graph.errors import ConflictError, IntegrityError
from graph.files import digest_of
from graph.forget_runs import affected, forget_in_runs, forget_rejects
from graph.forget_view import forget_in_view
from graph.forgetting import Wish, begin, count, finish, forget_in_log, left, wish_for
from graph.forgotten import PSEUDONYM, pseudonym, tombstone
from graph.keep_cli import COMMANDS
from graph.log import EventLog
from graph.manifest import Segment
from graph.model import LOG_TABLES
from graph.store import GraphStore
from graph.verify import verify
from graph.workspace import Workspace


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A data folder whose log has eight batches that meet on the same accounts and objects."""
    made = Workspace(tmp_path / "data")
    for seed in range(8):
        append(made.log, **random_batch(seed))
    return made


def rows(log: EventLog) -> dict[str, list[str]]:
    """What every view of the log answers."""
    with log.connect() as connection:
        return {t: sorted(map(repr, connection.execute(f"FROM {t}").fetchall())) for t in LOG_TABLES}


# Manifest


def test_a_log_from_before_there_were_manifests_is_read_and_gets_one(place: Workspace) -> None:
    before, digest = rows(place.log), place.log.digest()
    assert digest == digest_of([b.batch_id for b in place.log.batches()])
    (place.log.root / "manifest.json").unlink()
    assert (rows(place.log), place.log.digest()) == (before, digest)
    compact(place.log)
    assert (rows(place.log), place.log.digest()) == (before, digest)
    append(place.log, **random_batch(20))
    assert len(place.log.batches()) == 9


def test_a_lost_or_changed_manifest_is_named(place: Workspace) -> None:
    path = place.log.root / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"source":"test"', '"source":"best"', 1))
    with pytest.raises(IntegrityError, match=r"manifest\.json: is not what was written"):
        place.log.batches()
    path.write_text(text[:100])
    with pytest.raises(IntegrityError, match=r"manifest\.json: cannot be read"):
        place.log.batches()
    path.write_text(text)
    compact(place.log)
    path.unlink()
    with pytest.raises(IntegrityError, match=r"manifest\.json: is missing"):
        place.log.batches()
    newer = json.loads(text)
    path.write_text(json.dumps({**newer, "version": 9}))
    with pytest.raises(ConflictError, match="use the newer Shoal"):
        place.log.batches()


# Verify


def test_verify_names_every_damaged_file(place: Workspace) -> None:
    run = make_run(place.root, 10, "run")
    place.runs.make_current(run)
    tell = CliRunner().invoke(COMMANDS["verify"], ["--dir", str(place.root)])
    assert tell.exit_code == 0
    assert "whole: 8 batches of the event log and 1 runs" in tell.output
    files = [place.log.files("interactions")[1], place.log.files("actions")[2], run.path / "edges.parquet"]
    files[0].write_bytes(files[0].read_bytes()[:-1])
    files[1].unlink()
    data = bytearray(files[2].read_bytes())
    data[len(data) // 2] ^= 1
    files[2].write_bytes(data)
    (place.log.root / "batches" / "000099-nobody").mkdir()
    found = verify(place.log, place.runs)
    assert [line.partition(":")[2].strip() for line in found.damaged] == [
        f"{files[0].parent.name}/interactions.parquet is not what the manifest says (sha256 differs)",
        f"{files[1].parent.name}/actions.parquet is missing",
        "edges.parquet is not what the manifest says (sha256 differs)",
    ]
    assert [p.name for p in found.left_over] == ["000099-nobody"]
    tell = CliRunner().invoke(COMMANDS["verify"], ["--dir", str(place.root)])
    assert isinstance(tell.exception, IntegrityError)
    assert tell.exception.exit_code == 5
    assert tell.output.count("damaged: ") == 3
    with place.writing():
        assert verify(place.log, place.runs).left_over == []


# Compaction


def test_compaction_changes_no_answer(place: Workspace) -> None:
    before, digest, batches = rows(place.log), place.log.digest(), place.log.batches()
    older = LogAsOf(place.log, digest_of([b.batch_id for b in batches[:5]]))
    as_of = rows(older)
    done = compact(place.log)
    assert (done.before, done.after, done.cleared) == (8, 1, True)
    assert (rows(place.log), place.log.digest(), place.log.batches()) == (before, digest, batches)
    assert rows(LogAsOf(place.log, older.wanted)) == as_of != before
    assert verify(place.log, place.runs).damaged == []
    assert str(compact(place.log)) == "nothing to put together: 1 folders"
    append(place.log, **random_batch(30))
    now = rows(place.log)
    compact(place.log)
    assert rows(place.log) == now
    assert len(place.log.segments()) == 1


def test_files_stay_while_somebody_reads(place: Workspace) -> None:
    reader = place.log.connect()
    before = reader.execute('SELECT count(*), sum("at") FROM actions').fetchall()
    done = compact(place.log)
    assert not done.cleared
    assert "the old files stay" in str(done)
    assert reader.execute('SELECT count(*), sum("at") FROM actions').fetchall() == before
    assert len(list((place.log.root / "batches").iterdir())) == 9
    del reader
    with place.writing():
        assert len(list((place.log.root / "batches").iterdir())) == 1


def segments(*sizes: int) -> list[Segment]:
    return [Segment(str(i), i, i, {"actions": {"rows": size}}) for i, size in enumerate(sizes)]


def test_small_neighbours_are_put_together_up_to_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MOST_ROWS", 10)
    assert [[s.rows for s in g] for g in whole(segments(4, 4, 4, 20, 1, 1, 9))] == [[4, 4], [1, 1]]


@given(st.lists(st.integers(1, 50), max_size=300), st.sampled_from([2, 3, 8]))
def test_a_stream_keeps_few_folders_and_writes_a_row_again_seldom(sizes: list[int], enough: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "ENOUGH", enough)
        held: list[Segment] = []
        written = 0
        for n, size in enumerate(sizes, 1):
            held.append(Segment(str(n), n, n, {"actions": {"rows": size}}))
            group = due(held)
            if group:
                merged = sum(s.rows for s in group)
                assert held[-len(group) :] == group
                held[-len(group) :] = [Segment("m", group[0].first, n, {"actions": {"rows": merged}})]
                written += merged
        levels = 1
        while enough**levels <= len(sizes):
            levels += 1
        assert len(held) <= levels * enough
        assert written <= levels * sum(sizes)


def test_many_batches_are_put_together_by_themselves(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    for seed in range(compaction.ENOUGH - 1):
        append(log, **random_batch(seed, 3))
    assert compact_if_due(log) is None
    append(log, **random_batch(99, 3))
    before = rows(log)
    done = compact_if_due(log)
    assert done is not None
    assert done.after == 1
    assert rows(log) == before


# Forgetting


def asked(log: EventLog, query: str) -> list[tuple[Any, ...]]:
    """The answer to one query; the connection is gone afterwards, and holds no files."""
    with log.connect() as connection:
        return connection.execute(query).fetchall()


def test_rows_of_an_account_go_and_rows_on_it_keep_a_pseudonym(place: Workspace) -> None:
    log, wish = place.log, wish_for(["a2"], None)
    on = asked(
        log,
        "SELECT count(*) FROM interactions WHERE kind IN ('message', 'follow') AND target_id = 'a2' "
        "AND account_id <> 'a2'",
    )[0][0]
    tables = ("interactions", "actions", "accounts")
    own = {t: asked(log, f"SELECT count(*) FROM ({log.source(t)}) WHERE account_id = 'a2'")[0][0] for t in tables}
    assert on >= 3
    assert count(log, wish) == {**own, "interactions": own["interactions"] + on}
    digest = log.digest()
    forget_in_log(place, begin(place, wish))
    assert asked(
        log, "SELECT target_id, count(*) FROM interactions WHERE starts_with(target_id, 'forgotten-') GROUP BY 1"
    ) == [(wish.names["a2"], on)]
    for table in tables:
        assert asked(log, f"SELECT count(*) FROM ({log.source(table)}) WHERE account_id = 'a2'") == [(0,)]
    assert log.digest() != digest
    assert LogAsOf(log, digest).batches() == log.batches()  # runs of before can still be explained
    assert count(log, wish) == {}
    finish(place)
    assert left(place) is None


@pytest.mark.parametrize("compacted", [False, True])
def test_events_from_before_a_time_go_with_accounts_that_nothing_names(place: Workspace, compacted: bool) -> None:
    append(place.log, accounts=[{"account_id": "gone"}], interactions=[interaction("old", "gone", T0 - 5)])
    if compacted:
        compact(place.log)
    before = T0 + 5 * 10**8
    forget_in_log(place, begin(place, wish_for([], before)))
    with place.log.connect() as connection:
        for table in ("interactions", "actions"):
            assert connection.execute(f'SELECT count(*) FROM {table} WHERE "at" < {before}').fetchall() == [(0,)]
            assert connection.execute(f"SELECT count(*) > 50 FROM {table}").fetchall() == [(True,)]
        named = connection.execute(
            "SELECT count(*) FILTER (account_id = 'gone'), count(*) > 5 FROM accounts"
        ).fetchall()
        assert named == [(0, True)]
    assert place.log.manifest().forgotten.before == before
    assert verify(place.log, place.runs).damaged == []


def interaction(event: str, account: str, at: int, **more: Any) -> dict[str, Any]:
    return {"event_id": event, "account_id": account, "kind": "like", "at": at, "target_id": "n1", **more}


def test_the_old_files_wait_for_their_reader_and_the_next_call_removes_them(
    place: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graph.forgetting.PATIENCE_S", 0.1)
    reader = place.log.connect()
    wish = begin(place, wish_for(["a2"], None))
    with pytest.raises(ConflictError, match="another process reads"):
        forget_in_log(place, wish)
    assert left(place) == wish
    del reader
    assert forget_in_log(place, wish) == 0
    assert len(list((place.log.root / "batches").iterdir())) == len(place.log.segments())
    assert place.log.manifest().forgotten.times == 1


def test_runs_lose_rows_and_names_and_still_verify(place: Workspace) -> None:
    run = make_run(place.root, 20, "run")
    place.runs.make_current(run)
    other = make_run(place.root, 10, "other")
    page = place.reports / f"{run.run_id}.html"
    page.parent.mkdir()
    page.write_text("a15 and others")
    wish = wish_for(["a15", "a0"], None)
    gone, changed, models = affected(place.runs, wish)
    assert ([r.run_id for r in gone], [r.run_id for r in changed], models) == ([], [run.run_id, other.run_id], [])
    forget_in_runs(place, wish)
    after = place.runs.get(run.run_id)
    after.verify()
    assert after.manifest["forgotten"] == 2
    assert place.runs.current_id() == run.run_id
    names = set(after.table("edges")["account_a"].to_pylist()) | set(after.table("edges")["account_b"].to_pylist())
    assert len(names) == 18
    assert names.isdisjoint({"a0", "a15"})
    assert set(after.table("measures")["component"].to_pylist()) == {wish.names["a0"]}
    assert "a15" not in page.read_text()
    assert verify(place.log, place.runs).damaged == []


def test_refused_rows_go_as_well(place: Workspace) -> None:
    rejects, sent = place.rejects / "x.jsonl", place.root / "incoming" / "refused-1.jsonl"
    for file, lines in (
        (rejects, ['{"record": {"account_id": "a2"}}', '{"record": "broken a2 line"}', '{"record": {"text": "a2 a"}}']),
        (sent, ['{"account_id": "a2"}', "a2 and no JSON", "[1]", '{"account_id": "a3"}']),
    ):
        file.parent.mkdir()
        file.write_text("".join(line + "\n" for line in lines))
    assert forget_rejects(place, wish_for(["a2"], None)) == 2
    assert rejects.read_text() == '{"record": {"text": "a2 a"}}\n'
    assert sent.read_text() == '[1]\n{"account_id": "a3"}\n'
    assert forget_rejects(place, wish_for([], 2**60)) == 2
    assert not rejects.exists()
    assert not sent.exists()


def test_a_network_goes_with_its_last_member(place: Workspace) -> None:
    run = make_run(place.root, 20, "run")
    forget_in_runs(place, wish_for([f"a{i}" for i in range(10)], None))
    assert place.runs.get(run.run_id).table("networks")["network_id"].to_pylist() == ["run-10"]


def test_a_damaged_run_is_not_made_whole_by_forgetting(place: Workspace) -> None:
    run = make_run(place.root, 10, "run")
    (run.path / "scores.parquet").write_bytes((run.path / "edges.parquet").read_bytes())
    with pytest.raises(IntegrityError, match=r"scores\.parquet"):
        forget_in_runs(place, wish_for(["a3"], None))
    assert verify(place.log, place.runs).damaged != []


def test_neo4j_is_what_loading_anew_would_make_of_it(store: GraphStore, place: Workspace) -> None:
    append(place.log, interactions=[interaction("lone", "a2", T0, target_id="only-a2", client="odd", device_id="odd")])
    follow = {"kind": "follow", "target_id": "stranger"}
    append(place.log, interactions=[{**interaction("f", "a2", T0), **follow}])
    store.load(place.log)
    late = [interaction(f"late{i}", f"a{i}", T0 + 9 * 10**8) for i in range(20)]
    append(place.log, interactions=late, accounts=[{"account_id": f"a{i}"} for i in range(20)])
    store.load(place.log)
    run = make_run(place.root, 20, "run")
    place.runs.make_current(run)
    store.show_run(run)
    for wish in (wish_for(["a2", "a7"], None), wish_for([], T0 + 3 * 10**8)):
        forget_in_log(place, begin(place, wish))
        forget_in_runs(place, wish)
        for _ in range(2):  # a second time it changes nothing
            forget_in_view(store, place, wish)
        forgotten = snapshot(store)
        store.wipe()
        store.prepare()
        store.load(place.log)
        store.show_run(place.runs.current())
        assert forgotten == snapshot(store)
        text = repr(forgotten)
        assert "only-a2" not in text
        assert "stranger" not in text
        assert "'a2'" not in text


def test_pseudonyms_and_tombstones_are_keyed(tmp_path: Path) -> None:
    names = {pseudonym(key, "ann") for key in (b"1", b"2")}
    assert len(names) == 2
    assert all(PSEUDONYM.fullmatch(name) for name in names)
    assert tombstone("k", "ann") != tombstone("l", "ann")
    one, other = wish_for(["ann"], None), wish_for(["ann"], None)
    assert one.names != other.names
    place = Workspace(tmp_path)
    begin(place, one)
    assert (tmp_path / ".forgetting.json").stat().st_mode & 0o077 == 0
    assert left(place) == Wish(("ann",), None, one.key)
    finish(place)
    assert not list(tmp_path.glob(".forg*"))
    shutil.rmtree(tmp_path)
