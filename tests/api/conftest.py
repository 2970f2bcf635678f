"""A decision store on each engine, and runs and logs made by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apikit import Platform
from sqlalchemy import Engine, create_engine, text

from api.rules import Policy, load
from api.store import open_store, upgrade
from graph.files import digest_of
from graph.workspace import Workspace


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite store to copy: cheaper than migrating for each test."""
    folder = tmp_path_factory.mktemp("sqlite-template")
    engine = open_store(folder)
    upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA user_version")
    engine.dispose()
    return folder / "decisions.db"


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command] if os.geteuid() == 0 else command
    )


@pytest.fixture(scope="session")
def postgres(need: Callable[[str, bool, str], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server of its own, on a socket in a folder that goes away; yields its URL without a database."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    need("postgresql", bool(found), "no PostgreSQL server binaries (Debian: apt-get install postgresql)")
    folder = Path("/tmp") / f"shoal-pg-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"

    def run(command: str, *arguments: str) -> None:
        line = [str(found[-1] / command), "-D", str(data), *arguments]
        subprocess.run(_as_postgres(line), check=True, capture_output=True, cwd=folder)

    run("initdb", "-U", "shoal", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    settings = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off", "synchronous_commit=off"]
    run("pg_ctl", "-o", " ".join(f"-c {s}" for s in settings), "-l", str(folder / "log"), "-w", "start")
    try:
        url = f"postgresql+psycopg://shoal@/{{}}?host={folder}"
        _sql(url, "CREATE DATABASE template_shoal")
        engine = open_store(folder, url.format("template_shoal"))
        upgrade(engine)
        engine.dispose()
        yield url
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _sql(url: str, statement: str) -> None:
    engine = create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Which engine the test runs on: every test that uses a store runs on both."""
    return str(request.param)


@pytest.fixture
def new_store(
    engine_name: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """Makes empty, migrated decision stores; each call returns the URL of another one."""
    made: list[str] = []

    def make() -> str:
        folder = tmp_path_factory.mktemp("store")
        if engine_name == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), folder / "decisions.db")
            return f"sqlite:///{folder / 'decisions.db'}"
        url = request.getfixturevalue("postgres")
        made.append(f"shoal_{digest_of(str(folder))[:16]}")
        _sql(url, f"CREATE DATABASE {made[-1]} TEMPLATE template_shoal")
        return str(url.format(made[-1]))

    yield make
    for name in made:
        _sql(request.getfixturevalue("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store_url(new_store: Callable[[], str]) -> str:
    """URL of an empty, migrated decision store."""
    return new_store()


@pytest.fixture
def engine(store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty, migrated decision store."""
    made = open_store(tmp_path, store_url)
    yield made
    made.dispose()


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    """A platform without runs."""
    return Platform(Workspace(tmp_path / "data"))


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The policy Shoal ships with."""
    return load()
