"""The application's role in PostgreSQL may do its work, and nothing to what happened (docs/examples)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from apikit import Platform, approved, banned_network, served, state_of
from sqlalchemy import Engine, make_url, text
from sqlalchemy.exc import DBAPIError

from api import execution, tables
from api.audit import verify_chain
from api.publish import publish
from api.rules import Policy
from api.store import open_store, upgrade
from graph.errors import ConflictError

pytestmark = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)  # SQLite has no roles
GRANTS = Path(__file__).parents[2] / "docs" / "examples" / "postgresql-roles.sql"


@pytest.fixture
def application(engine: Engine, store_url: str, tmp_path: Path) -> Iterator[Engine]:
    """The store as the application meets it."""
    for _ in range(2):
        with engine.begin() as connection:
            connection.exec_driver_sql(GRANTS.read_text(encoding="utf-8").replace("%", "%%"))
    made = open_store(tmp_path, make_url(store_url).set(username="shoal_app").render_as_string(hide_password=False))
    yield made
    made.dispose()


def test_it_can_do_its_work(application: Engine, platform: Platform, policy: Policy) -> None:
    upgrade(application)
    publish(banned_network(platform), platform.place.log, application, policy=policy, actor="test")
    with served(application, carry_out=False) as people:
        action_id = approved(people)
        assert people("bea").post(f"/v1/network-actions/{action_id}:execute").status_code == 202
        while execution.step(application, action_id) == "executing":
            pass
        assert people("bea").post(f"/v1/network-actions/{action_id}:reverse", {"reason": "x"}).status_code == 202
        while execution.step(application, action_id) == "reversing":
            pass
        assert state_of(people("ann"), action_id) == "reversed"
    assert verify_chain(application)


@pytest.mark.parametrize(
    "statement",
    [
        *(f"UPDATE {name} SET {next(iter(tables.metadata.tables[name].c)).name} = NULL" for name in tables.APPEND_ONLY),
        *(f"DELETE FROM {name}" for name in tables.APPEND_ONLY),
        *(f"TRUNCATE {name} CASCADE" for name in (*tables.APPEND_ONLY, "outbox", "accounts")),
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TRIGGER audit_append_only ON audit",
        "SET session_replication_role = replica",
        "DROP TABLE audit",
        "CREATE TABLE mine (x int)",
        "CREATE OR REPLACE FUNCTION shoal_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "UPDATE alembic_version SET version_num = '0001'",
        "COPY audit TO PROGRAM 'true'",
    ],
)
def test_it_can_change_nothing_that_happened(application: Engine, statement: str) -> None:
    with (
        pytest.raises(DBAPIError, match=r"permission denied|must be owner|must be superuser"),
        application.begin() as connection,
    ):
        connection.execute(text(statement))


def test_an_old_schema_is_said(application: Engine, engine: Engine, new_store: Callable[[], str]) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(ConflictError, match="`shoal migrate` as the owner"):
        upgrade(application)
