"""The decision store: migrations, append-only tables, turns of writers, and a database that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from apikit import ALL, Platform, banned_network, served
from sqlalchemy import Engine, delete, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from api import auth, tables
from api.publish import publish
from api.rules import Policy
from api.store import HEAD, MIGRATIONS, open_store, reading, upgrade, writing
from graph.errors import ConflictError, InputError, UnavailableError


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    return made


def test_migrations_lead_to_the_tables_of_the_code(engine: Engine) -> None:
    assert ScriptDirectory.from_config(config()).get_current_head() == HEAD
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, tables.metadata) == []


def test_migrations_can_be_taken_back(engine: Engine) -> None:
    down = config()
    with writing(engine) as connection:
        down.attributes["connection"] = connection
        command.downgrade(down, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert set(inspect(engine).get_table_names()) == {*tables.metadata.tables, "alembic_version"}


def test_many_processes_may_upgrade_at_once(engine: Engine, store_url: str, tmp_path: Path) -> None:
    down = config()
    with writing(engine) as connection:
        down.attributes["connection"] = connection
        command.downgrade(down, "base")
    engines = [open_store(tmp_path, store_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upgrade, engines))
    for made in engines:
        made.dispose()
    with reading(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD


def test_a_schema_of_the_future_is_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConflictError, match="not one this version knows"):
        upgrade(engine)


def test_the_database_itself_refuses_to_change_what_happened(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    for table in (tables.audit, tables.verdicts, tables.publications, tables.policies):
        column = list(table.columns)[1]
        for statement in (update(table).values({column: column}), delete(table)):
            with pytest.raises(DBAPIError, match="append-only"), writing(engine) as tx:
                tx.execute(statement)
    for name in tables.APPEND_ONLY:
        if engine.dialect.name == "sqlite":
            triggers = text("SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :name")
            with reading(engine) as tx:
                assert tx.execute(triggers, {"name": name}).scalar_one() == 2
        else:
            with pytest.raises(DBAPIError, match="append-only"), writing(engine) as tx:
                tx.execute(text(f"TRUNCATE {name} CASCADE"))


def test_writers_take_turns(engine: Engine) -> None:
    """What one writer read cannot be changed by another before it has written."""
    with writing(engine) as tx:
        tx.execute(tables.audit_head.insert().values(one=1, seq=0, hash=""))

    def count(_i: int) -> None:
        with writing(engine) as tx:
            seq = tx.execute(select(tables.audit_head.c.seq)).scalar_one()
            tx.execute(update(tables.audit_head).values(seq=seq + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(100)))
    with reading(engine) as tx:
        assert tx.execute(select(tables.audit_head.c.seq)).scalar_one() == 100


def test_what_is_read_together_is_of_one_moment(engine: Engine) -> None:
    names = select(tables.accounts.c.account_id)
    with reading(engine) as before:
        assert before.execute(names).all() == []
        with writing(engine) as tx:
            tx.execute(tables.accounts.insert().values(account_id="ann"))
        assert before.execute(names).all() == []
    with reading(engine) as after:
        assert after.execute(names).scalars().all() == ["ann"]


def test_ids_sort_by_code_point_on_every_engine(engine: Engine) -> None:
    names = ["a", "B", "ä", "Z", "账", "_", "😀", "a b", "a-b"]
    with writing(engine) as tx:
        tx.execute(tables.accounts.insert(), [{"account_id": n} for n in names])
    with reading(engine) as tx:
        found = list(tx.execute(select(tables.accounts.c.account_id).order_by(tables.accounts.c.account_id)).scalars())
    assert found == sorted(names)


def test_a_read_only_database_still_answers(sqlite_template: Path, platform: Platform, policy: Policy) -> None:
    folder = platform.place.root
    engine = open_store(folder)
    upgrade(engine)
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    engine.dispose()
    read_only = open_store(folder, f"sqlite:///file:{folder / 'decisions.db'}?mode=ro&uri=true")
    writable = open_store(folder)
    key = auth.create(writable, "ann", ALL, actor="test")
    writable.dispose()
    with served(read_only, carry_out=False) as people:
        headers = {"Authorization": f"Bearer {key}"}
        assert people.http.get("/v1/accounts/bot-n1-0000/verdict", headers=headers).json()["tier"] == "ban"
        body = {"network_id": "n1", "action": "ban", "reason": "x"}
        refused = people.http.post("/v1/network-actions", json=body, headers={**headers, "Idempotency-Key": "k"})
        assert refused.status_code == 503
        assert "read-only" in refused.json()["detail"]


def test_urls_and_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not mysql"):
        open_store(tmp_path, "mysql://u:p@h/d")
    with pytest.raises(InputError, match="not a database URL") as refused:
        open_store(tmp_path, "user:secret-password@host")
    assert "secret-password" not in str(refused.value)
    engine = open_store(tmp_path / "new")
    assert (tmp_path / "new" / "decisions.db").stat().st_mode & 0o077 == 0
    engine.dispose()
    nowhere = open_store(tmp_path, "postgresql://u:secret@127.0.0.1:1/d")
    with pytest.raises(UnavailableError, match="does not answer") as away, reading(nowhere):
        pass
    nowhere.dispose()
    (note,) = away.value.__notes__
    assert "127.0.0.1" in note
    assert "secret" not in note


def test_why_the_store_is_away_is_told_to_whoever_runs_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://u:secret@127.0.0.1:1/d"
    line = [sys.executable, "-m", "shoal", "migrate", "--dir", str(tmp_path)]
    done = subprocess.run(line, env={**os.environ, "SHOAL_DATABASE_URL": url}, capture_output=True, text=True)
    assert done.returncode == 6
    assert done.stderr.startswith("Error: the decision store does not answer\n  it said: ")
    assert "refused" in done.stderr
    assert "secret" not in done.stderr
    with served(open_store(tmp_path, url), carry_out=False) as people:
        answer = people.http.get("/readyz")
    assert answer.status_code == 503
    assert "127.0.0.1" not in answer.text
    assert any("it said" in record.getMessage() for record in caplog.records)
    assert "secret" not in caplog.text


def test_the_api_loads_no_engine_of_graph_or_model() -> None:
    """Verdicts need neither Neo4j, nor DuckDB, nor torch: the API's image has none of them loaded."""
    heavy = ["torch", "igraph", "graspologic_native", "graphdatascience", "neo4j", "duckdb", "networkx", "scipy"]
    heavy += ["sklearn", "pandas", "alembic"]
    code = f"import sys, api.app; print([m for m in {heavy!r} if m in sys.modules])"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
