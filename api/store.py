"""The decision store: one SQL database, SQLite in the data folder or PostgreSQL by URL.

Writers take turns. A write transaction is SQLite's BEGIN IMMEDIATE, or an advisory lock in PostgreSQL;
so serial numbers are handed out in commit order (a cursor never skips a row), the audit chain has
one end, and a check made inside a write transaction still holds when it commits. Readers never wait.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, InternalError, OperationalError, ProgrammingError

from graph.errors import ConflictError, InputError, UnavailableError

WRITERS_LOCK = 0x53_48_4F_41  # "SHOA": the advisory lock that PostgreSQL writers take turns by
BUSY_SECONDS = 20
CACHE_KIB = 16 << 10  # of pages a connection keeps: SQLite's own 2 MB are read anew by most batches of a large store
MIGRATIONS = Path(__file__).parent / "migrations"
HEAD = "0007"  # the newest of them


def open_store(folder: Path, url: str | None = None) -> Engine:
    """The engine of the decision store: `url`, or `decisions.db` in the data folder, for its owner's eyes alone.

    Raises InputError for a URL that is neither SQLite's nor PostgreSQL's.
    """
    if url is None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "decisions.db"
        if not file.exists():
            file.touch(mode=0o600)
        return _sqlite(URL.create("sqlite+pysqlite", database=str(file)))
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError(
            "the decision store's URL is not a database URL (postgresql://user:password@host/db)"
        ) from error
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed.set(drivername="sqlite+pysqlite"))
    if parsed.get_backend_name() == "postgresql":
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"), pool_size=10, pool_pre_ping=True, hide_parameters=True
        )
    raise InputError(f"the decision store is SQLite or PostgreSQL, not {parsed.get_backend_name()}")


@contextmanager
def configured(folder: Path) -> Iterator[Engine]:
    """The decision store that the settings name, its schema brought up to date; closed at the end."""
    from graph.settings import settings

    url = settings().database_url
    engine = open_store(folder, None if url is None else url.get_secret_value())
    try:
        upgrade(engine)
        yield engine
    finally:
        engine.dispose()


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, pool_size=10, hide_parameters=True
    )

    @event.listens_for(engine, "connect")
    def _prepare(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # transactions begin where `_begin` says, not where the driver guesses
        for pragma, value in (
            ("busy_timeout", BUSY_SECONDS * 1000),
            ("foreign_keys", "ON"),
            ("synchronous", "NORMAL"),
            ("cache_size", -CACHE_KIB),
        ):
            raw.execute(f"PRAGMA {pragma} = {value}")
        _write_ahead(raw)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("shoal_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _write_ahead(raw: Any) -> None:
    """Turn the write-ahead log on, once for the file; a read-only file keeps what it has."""
    if raw.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "readonly" not in str(error):
                raise


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One write transaction: committed at the end, or undone whole by any error.

    Raises ConflictError if another writer keeps the database for too long, UnavailableError if it does not answer
    or cannot be written.
    """
    try:
        with engine.connect().execution_options(shoal_writes=True) as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": WRITERS_LOCK})
            yield connection
    except (OperationalError, InternalError) as error:
        raise _plain(error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: everything read in it is of one moment."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":  # otherwise each statement is of a moment of its own
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection
    except (OperationalError, InternalError) as error:
        raise _plain(error) from error


def next_number(tx: Connection, column: Column[Any]) -> int:
    """The number after the largest of a column; writers take turns, so nobody else is given it."""
    return int(tx.execute(select(func.max(column))).scalar() or 0) + 1


def _plain(error: DBAPIError) -> Exception:
    said = str(error.orig)
    if "locked" in said or "busy" in said:
        return ConflictError("the decision store is busy with another write; try again")
    if "readonly" in said or "read-only" in said:
        return UnavailableError("the decision store cannot be written now: it is read-only")
    away = UnavailableError("the decision store does not answer")
    away.add_note(f"it said: {' '.join(said.split())[:400]}")  # a driver names server, user and database, no password
    return away


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest version. Any number of processes may call it at once.

    Raises ConflictError if the schema is newer than this program.
    """
    if revision(engine) == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise ConflictError(f"the decision store's schema is not one this version knows: {error}") from error
        except ProgrammingError as error:
            raise ConflictError(
                "the decision store's schema is older than this version, and this role may not change it: run "
                "`shoal migrate` as the owner of the database"
            ) from error


def revision(engine: Engine) -> str | None:
    """The schema's version; None for an empty database."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return None if found is None else str(found)
