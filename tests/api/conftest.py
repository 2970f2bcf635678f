"""A decision store on each engine, and runs and logs made by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pgkit
import pytest
from apikit import Platform
from sqlalchemy import Engine

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


@pytest.fixture(scope="session")
def postgres(postgresql: Path) -> Iterator[str]:
    """A PostgreSQL server with a migrated database to copy; yields its URL without a database."""
    with pgkit.server(postgresql, durable=False) as url:
        pgkit.sql(url, "CREATE DATABASE template_shoal")
        engine = open_store(Path("unused"), url.format("template_shoal"))
        upgrade(engine)
        engine.dispose()
        yield url


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
        pgkit.sql(url, f"CREATE DATABASE {made[-1]} TEMPLATE template_shoal")
        return str(url.format(made[-1]))

    yield make
    for name in made:
        pgkit.sql(request.getfixturevalue("postgres"), f"DROP DATABASE {name} WITH (FORCE)")


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
