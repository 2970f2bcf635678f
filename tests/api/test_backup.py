"""Backup and restore: one moment of everything, while writers go on, and nothing half-made."""

from __future__ import annotations

import json
import shutil
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from apikit import Platform, approved, banned_network, proposed, served
from sqlalchemy import Engine, func, select, text

from api import actions, audit, execution, outbox, penalties
from api import backup as module
from api.audit import Entry, verify_chain
from api.publish import publish
from api.rules import Policy
from api.store import open_store, reading, writing
from api.tables import outbox as outbox_table
from api.tables import penalties as penalties_table
from graph.errors import ConflictError, InputError, IntegrityError, UnavailableError
from graph.workspace import Workspace

AT = 1_790_000_000_000_000


@pytest.fixture
def banned(engine: Engine, platform: Platform, policy: Policy) -> Engine:
    """A store in which a network was banned."""
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        action_id = approved(people)
        assert people("bea").post(f"/v1/network-actions/{action_id}:execute").status_code == 202
    while execution.step(engine, action_id) == "executing":
        pass
    platform.place.secret("forgotten")
    return engine


def in_force(engine: Engine) -> dict[str, Any]:
    with reading(engine) as tx:
        return penalties.in_force(tx, penalties_table.c.penalty_id.is_not(None), AT * 2)


def last(engine: Engine) -> int:
    with reading(engine) as tx:
        return int(tx.execute(select(func.max(outbox_table.c.seq))).scalar_one() or 0)


def put_back(backup: Path, root: Path, engine: Engine, new_store: Callable[[], str]) -> Engine:
    """Restore into an empty folder, and an empty database of the same kind."""
    url = None
    if engine.dialect.name == "postgresql":
        url = new_store()
        empty = open_store(root.parent, url)
        with empty.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
        empty.dispose()
    module.restore(backup, root, url)
    return open_store(root, url)


def test_it_comes_back_as_it_was(
    banned: Engine, platform: Platform, tmp_path: Path, new_store: Callable[[], str]
) -> None:
    said = module.back_up(platform.place, banned, tmp_path / "backup")
    assert said["audit_rows"] == verify_chain(banned)
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    restored = put_back(tmp_path / "backup", tmp_path / "again", banned, new_store)
    try:
        assert in_force(restored) == in_force(banned) != {}
        assert verify_chain(restored) == said["audit_rows"] + 1
        again = Workspace(tmp_path / "again")
        assert again.log.digest() == platform.place.log.digest()
        assert again.runs.all()
        assert [r.run_id for r in again.runs.all()] == [r.run_id for r in platform.place.runs.all()]
        assert again.secret("forgotten") == platform.place.secret("forgotten")
        assert stat.S_IMODE((again.root / "secrets" / "forgotten").stat().st_mode) == 0o600
    finally:
        restored.dispose()


def test_serial_numbers_go_on_behind_what_consumers_may_have_seen(
    banned: Engine, platform: Platform, tmp_path: Path, new_store: Callable[[], str]
) -> None:
    module.back_up(platform.place, banned, tmp_path / "backup")
    with writing(banned) as tx:  # after the backup; the platform's consumer has read it
        outbox.send(tx, [outbox.Event(f"later-{i}", outbox.ENFORCEMENT, {"n": i}) for i in range(50)], AT)
    seen = last(banned)
    restored = put_back(tmp_path / "backup", tmp_path / "again", banned, new_store)
    try:
        with writing(restored) as tx:
            outbox.send(tx, [outbox.Event("new", outbox.ENFORCEMENT, {"n": 0})], AT)
        assert last(restored) > seen
        with reading(restored) as tx:
            assert [row["event_id"] for row in outbox.feed(tx, seen, 10)] == ["new"]
    finally:
        restored.dispose()


def test_it_is_of_one_moment_while_writers_go_on(
    banned: Engine, platform: Platform, tmp_path: Path, new_store: Callable[[], str]
) -> None:
    """Each write adds an audit row and an event together; a backup has both or neither."""
    stop, done = threading.Event(), threading.Event()
    before_rows, before_events = verify_chain(banned), last(banned)

    def write() -> None:
        n = 0
        while not stop.is_set():
            with writing(banned) as tx:
                audit.append(tx, [Entry("w", "wrote", str(n))], AT)
                outbox.send(tx, [outbox.Event(f"w-{n}", outbox.ENFORCEMENT, {"n": n})], AT)
            n += 1
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert done.wait(30)
        module.back_up(platform.place, banned, tmp_path / "backup")
    finally:
        stop.set()
        thread.join()
    restored = put_back(tmp_path / "backup", tmp_path / "again", banned, new_store)
    try:
        with reading(restored) as tx:
            events = tx.execute(select(func.count()).select_from(outbox_table)).scalar_one()
            first = tx.execute(select(func.count()).where(outbox_table.c.seq <= before_events)).scalar_one()
        assert verify_chain(restored) - 1 - before_rows == events - first >= 1
    finally:
        restored.dispose()


def test_what_is_half_made_never_bears_its_name(
    banned: Engine, platform: Platform, tmp_path: Path, new_store: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_dump", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        module.back_up(platform.place, banned, tmp_path / "backup")
    assert not [p.name for p in tmp_path.iterdir() if "backup" in p.name]
    monkeypatch.undo()
    module.back_up(platform.place, banned, tmp_path / "backup")
    monkeypatch.setattr(module, "_take_up", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        put_back(tmp_path / "backup", tmp_path / "again", banned, new_store)
    assert not [p.name for p in tmp_path.iterdir() if "again" in p.name]
    monkeypatch.undo()
    put_back(tmp_path / "backup", tmp_path / "again", banned, new_store).dispose()


def _interrupted(*_: Any) -> Any:
    raise KeyboardInterrupt


def test_a_changed_or_incomplete_backup_is_refused(banned: Engine, platform: Platform, tmp_path: Path) -> None:
    module.back_up(platform.place, banned, tmp_path / "backup")
    files = sorted(p for p in (tmp_path / "backup").rglob("*") if p.is_file() and p.name != module.NAME)
    for number, file in enumerate(files[:6]):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(tmp_path / "backup", copy)
        victim = copy / file.relative_to(tmp_path / "backup")
        if number % 2:
            victim.unlink()
        else:
            victim.write_bytes(victim.read_bytes()[:-1] + b"!")
        with pytest.raises(IntegrityError, match=victim.name):
            module.restore(copy, tmp_path / "again", None)
    said = tmp_path / "backup" / module.NAME
    said.write_text(said.read_text().replace('"audit_rows": ', '"audit_rows": 1'))
    with pytest.raises(IntegrityError, match="is not what was written"):
        module.restore(tmp_path / "backup", tmp_path / "again", None)
    with pytest.raises(InputError, match="no backup"):
        module.restore(tmp_path / "nowhere", tmp_path / "again", None)
    assert not (tmp_path / "again").exists()


def test_nothing_is_overwritten(
    banned: Engine, platform: Platform, tmp_path: Path, new_store: Callable[[], str], store_url: str
) -> None:
    module.back_up(platform.place, banned, tmp_path / "backup")
    with pytest.raises(ConflictError, match="is there already"):
        module.back_up(platform.place, banned, tmp_path / "backup")
    full = tmp_path / "full"
    full.mkdir()
    (full / "note").write_text("mine")
    url = store_url if banned.dialect.name == "postgresql" else None
    with pytest.raises(ConflictError, match="not empty"):
        module.restore(tmp_path / "backup", full, url)
    if url is not None:
        with pytest.raises(ConflictError, match="the database is not empty"):
            module.restore(tmp_path / "backup", tmp_path / "again", url)
    with pytest.raises(InputError, match="restoring them needs"):
        module.restore(tmp_path / "backup", tmp_path / "again", None if url else "postgresql:///x")


def test_a_newer_backup_is_refused(banned: Engine, platform: Platform, tmp_path: Path) -> None:
    module.back_up(platform.place, banned, tmp_path / "backup")
    said = json.loads((tmp_path / "backup" / module.NAME).read_text())
    (tmp_path / "backup" / module.NAME).write_text(json.dumps({**said, "version": module.VERSION + 1}))
    with pytest.raises(ConflictError, match="use the newer Shoal"):
        module.restore(tmp_path / "backup", tmp_path / "again", None)


def test_without_the_programs_of_postgresql_it_says_so(
    banned: Engine, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    monkeypatch.setattr(module.Path, "glob", lambda *_: iter(()))
    if banned.dialect.name != "postgresql":  # it needs none
        assert module.back_up(platform.place, banned, tmp_path / "backup")["audit_rows"]
        return
    with pytest.raises(UnavailableError, match="no pg_dump here"):
        module.back_up(platform.place, banned, tmp_path / "backup")


def test_the_restored_store_goes_on(
    banned: Engine, platform: Platform, tmp_path: Path, new_store: Callable[[], str]
) -> None:
    """A banned network is reversed in it, exactly."""
    module.back_up(platform.place, banned, tmp_path / "backup")
    restored = put_back(tmp_path / "backup", tmp_path / "again", banned, new_store)
    try:
        with served(restored, carry_out=False) as people:
            found = people("ann").get("/v1/network-actions").json()["actions"][0]
            assert found["state"] == "executed"
            undone = people("bea").post(f"/v1/network-actions/{found['action_id']}:reverse", {"reason": "wrong"})
            assert undone.status_code == 202
            assert proposed(people("ann"))
        while execution.step(restored, found["action_id"]) == "reversing":
            pass
        with reading(restored) as tx:
            assert actions.find(tx, found["action_id"]).state == "reversed"
        assert in_force(restored) == {}
    finally:
        restored.dispose()
