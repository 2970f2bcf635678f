"""Backup and restore of what cannot be rebuilt: decisions, event log, runs, secrets, while everything goes on.

    BACKUP/
        backup.json       what it holds: every file with its hash, the audit log's length and head, the schema's version
        decisions.db      the decision store, of one moment (SQLite); or decisions.dump (PostgreSQL, by pg_dump)
        log/  runs/       files as they are: they never change
        secrets/          keys of stand-ins and of what was forgotten; for the owner's eyes alone

A backup appears under its name when it is whole, and a restored folder when all of it is there and verified. Neo4j and
reports are rebuilt (`shoal load`, `shoal detect`). Private texts are left out: a backup would outlive their time.

What was sent after the backup has serial numbers that the restored store does not know. So a restored outbox goes
on `GAP` numbers further: no number is given twice, and a consumer's cursor stays behind what comes.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, inspect, select, text
from sqlalchemy.engine import URL

from api import audit
from api.audit import GENESIS, canonical_sha256
from api.clock import iso
from api.clock import now as clock
from api.outbox import last_seq
from api.store import HEAD, open_store, reading, upgrade, writing
from api.tables import audit_head, outbox
from graph.errors import ConflictError, InputError, IntegrityError, UnavailableError
from graph.files import sha256_of, sync_file, sync_folder, write_bytes
from graph.workspace import Workspace

VERSION = 1
NAME = "backup.json"
GAP = 1_000_000
FOLDERS = ("log", "runs", "secrets")
SQLITE, POSTGRESQL = "decisions.db", "decisions.dump"


def back_up(workspace: Workspace, engine: Engine, target: Path) -> dict[str, Any]:
    """Write a backup to a folder that must not exist; returns what it holds.

    Raises:
        ConflictError: there is something at the target, or another backup to it is under way.
        UnavailableError: the store is PostgreSQL and there is no pg_dump here.
        IntegrityError: the audit log is not whole.
    """
    if target.exists():
        raise ConflictError(f"{target}: is there already; a backup gets a folder of its own")
    part = target.with_name(f".{target.name}.part")
    try:
        part.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise ConflictError(f"{part}: left by another backup, or one is under way; remove it if none is") from error
    try:
        with workspace.log.connect():  # while it lives, no file of the log goes away
            for name in FOLDERS:
                _copy(workspace.root / name, part / name)
        head = _dump(engine, part)
        files = {str(path.relative_to(part)): sha256_of(path) for path in _files(part)}
        said = {"version": VERSION, "at": iso(clock()), "schema": HEAD, **head, "files": files}
        write_bytes(part / NAME, json.dumps({**said, "sha256": canonical_sha256(said)}, indent=1).encode(), mode=0o600)
        for path in _files(part):
            sync_file(path)
        part.rename(target)
        sync_folder(target.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return said


def restore(backup: Path, root: Path, url: str | None) -> dict[str, Any]:
    """Put a backup into a data folder that must be empty, and into an empty database; returns what it held.

    Args:
        backup: folder that `back_up` wrote.
        root: the data folder.
        url: of the database, where it is PostgreSQL.

    Raises:
        InputError: it is no backup, or of another kind of database than the settings name.
        ConflictError: the data folder or the database is not empty, or a newer Shoal wrote the backup.
        IntegrityError: a file of it is missing or changed, or the audit log is not whole.
    """
    said = check(backup)
    kind = POSTGRESQL if POSTGRESQL in said["files"] else SQLITE
    if (kind == POSTGRESQL) != (url is not None and url.startswith("postgresql")):
        wanted = "a PostgreSQL database in SHOAL_DATABASE_URL" if kind == POSTGRESQL else "no SHOAL_DATABASE_URL"
        raise InputError(f"{backup}: its decisions are in {kind}; restoring them needs {wanted}")
    if root.exists() and any(root.iterdir()):
        raise ConflictError(f"{root}: is not empty; a backup is restored into a folder of its own")
    part = root.with_name(f".{root.name}.restoring")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    try:
        for name in FOLDERS:
            _copy(backup / name, part / name)
        if kind == SQLITE:
            shutil.copyfile(backup / SQLITE, part / SQLITE)
            (part / SQLITE).chmod(0o600)
        engine = open_store(part, url)
        try:
            if kind == POSTGRESQL:
                _load(engine, backup / POSTGRESQL)
            _take_up(engine, said)
        finally:
            engine.dispose()
        if root.exists():
            root.rmdir()
        part.rename(root)
        sync_folder(root.parent)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return said


def check(backup: Path) -> dict[str, Any]:
    """What a backup says it holds, every file compared with its hash. Raises as `restore` does."""
    try:
        said = json.loads((backup / NAME).read_text(encoding="utf-8"))
        claimed = said.pop("sha256")
        version, files = int(said["version"]), dict(said["files"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{backup}: no backup: {NAME} cannot be read") from error
    if version > VERSION:
        raise ConflictError(f"{backup}: version {version}, this Shoal knows {VERSION}: use the newer Shoal")
    if canonical_sha256(said) != claimed:
        raise IntegrityError(f"{backup / NAME}: is not what was written (sha256 differs)")
    there = {str(path.relative_to(backup)) for path in _files(backup)} - {NAME}
    for name in sorted(set(files) ^ there):
        raise IntegrityError(f"{backup}: {name} is {'missing' if name in files else 'not part of the backup'}")
    for name, sha256 in files.items():
        if sha256_of(backup / name) != sha256:
            raise IntegrityError(f"{backup / name}: is not what was written (sha256 differs)")
    return dict(said)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _copy(source: Path, target: Path) -> None:
    """Copy a folder of files that never change, without what is in the making (names that begin with a dot)."""
    target.mkdir(mode=0o700)
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        inside = path.relative_to(source)
        if any(part.startswith(".") for part in inside.parts) or not path.is_file():
            continue
        copy = target / inside
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def _head(engine: Engine) -> dict[str, Any]:
    with reading(engine) as tx:
        head = tx.execute(select(audit_head.c.seq, audit_head.c.hash)).one_or_none()
        last = tx.execute(select(func.max(outbox.c.seq))).scalar_one()
    return {
        "audit_rows": 0 if head is None else head.seq,
        "audit_head": GENESIS if head is None else head.hash,
        "outbox_seq": last or 0,
    }


def _dump(engine: Engine, part: Path) -> dict[str, Any]:
    """Write the decision store as it is at one moment; returns how far it had come."""
    if engine.dialect.name == "postgresql":
        head = _head(engine)
        _run("pg_dump", engine.url, "--format=custom", "--no-owner", "--no-privileges", f"--file={part / POSTGRESQL}")
        return head
    copy = part / SQLITE
    copy.touch(mode=0o600)
    with engine.connect() as connection, sqlite3.connect(copy) as target:
        driver: Any = connection.connection.driver_connection
        driver.backup(target)
    target.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
    target.close()
    again = open_store(part, f"sqlite:///{copy}")
    try:
        audit.verify_chain(again)
        return _head(again)
    finally:
        again.dispose()
        for beside in (f"{copy}-wal", f"{copy}-shm"):
            Path(beside).unlink(missing_ok=True)


def _load(engine: Engine, dump: Path) -> None:
    with reading(engine) as tx:
        found = inspect(tx).get_table_names()
    if found:
        raise ConflictError(f"the database is not empty: it has the table {min(found)}; restore into a new one")
    name = engine.url.database or ""
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={name}")
    _run("pg_restore", engine.url, *options, str(dump))


def _take_up(engine: Engine, said: dict[str, Any]) -> None:
    """Verify the store, let the outbox go on further, and say so in the audit log."""
    upgrade(engine)
    rows = audit.verify_chain(engine)
    if rows < said["audit_rows"]:
        raise IntegrityError(f"the restored audit log has {rows:,} rows; the backup says {said['audit_rows']:,}")
    with writing(engine) as tx:
        last = max(tx.execute(select(func.max(outbox.c.seq))).scalar_one() or 0, last_seq(tx)) + GAP
        if engine.dialect.name == "postgresql":
            tx.execute(text("SELECT setval(pg_get_serial_sequence('outbox', 'seq'), :last)"), {"last": last})
        else:
            tx.execute(text("DELETE FROM sqlite_sequence WHERE name = 'outbox'"))
            tx.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', :last)"), {"last": last})
        detail = {"backup_at": said["at"], "audit_rows": said["audit_rows"], "outbox_goes_on_after": last}
        audit.append(tx, [audit.Entry("cli:restore", "store.restored", "decisions", detail)], clock())


def _run(program: str, url: URL, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; the password goes by the environment, where no other user sees it."""
    found = shutil.which(program) or next(
        (str(p) for p in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), reverse=True)), None
    )
    if found is None:
        raise UnavailableError(f"no {program} here; install PostgreSQL's client programs, of the server's version")
    hosts = url.query.get("host") or url.host
    host = hosts if isinstance(hosts, str) or hosts is None else hosts[0]
    given = {"PGHOST": host, "PGPORT": url.port, "PGUSER": url.username, "PGDATABASE": url.database}
    given["PGPASSWORD"] = url.password
    environment = {**os.environ, **{name: str(value) for name, value in given.items() if value is not None}}
    done = subprocess.run([found, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"{program} failed: {done.stderr.strip()[:500]}")
