"""What is promised of the whole API, whatever routes it has.

Changes are audited, reads outlive a read-only database and need no graph, and migrations lose no row.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from apikit import ALL, Caller, People, Platform, banned_network, previewed, proposed, sample_reviewed, served
from sqlalchemy import Engine, MetaData, Table, create_engine, insert, inspect, select, text
from sqlalchemy.types import JSON, Float, Integer

from api import auth, execution
from api.app import create_app
from api.publish import publish
from api.rules import Policy, load
from api.store import MIGRATIONS, open_store, reading, upgrade, writing
from api.tables import audit

ROOT = Path(__file__).parents[2]


@pytest.fixture
def people(engine: Engine, platform: Platform, policy: Policy) -> Iterator[People]:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        yield people


@pytest.fixture
def again(engine: Engine, platform: Platform, policy: Policy) -> Callable[[], Any]:
    """Publishes the same run once more."""
    run = platform.place.runs.all()[0]
    return lambda: publish(run, platform.place.log, engine, policy=policy, actor="test")


def audited(engine: Engine, after: int = 0) -> list[Any]:
    with reading(engine) as tx:
        return list(tx.execute(select(audit).where(audit.c.seq > after).order_by(audit.c.seq)))


def every_change(
    people: People, again: Callable[[], Any]
) -> Iterator[tuple[str, Caller, str, dict[str, Any] | None, str]]:
    """A request for each route that changes something: route, caller, path, body, and the subject that is audited."""
    ann, bea, cid = (people(name, tuple(auth.SCOPES)) for name in ("ann", "bea", "cid"))
    one, why = "/v1/network-actions/{action_id}", {"reason": "a test"}

    def path(action: str, step: str = "") -> str:
        return f"/v1/network-actions/{action}{step}"

    yield (
        "/v1/network-actions",
        ann,
        "/v1/network-actions",
        {"network_id": "n1", "action": "ban", "reason": "farm"},
        "na-",
    )
    action = proposed(ann)
    yield f"{one}:preview", ann, path(action, ":preview"), None, action
    yield f"{one}:cancel", ann, path(action, ":cancel"), why, action
    action = proposed(ann)
    previewed(ann, action)
    yield f"{one}:reject", bea, path(action, ":reject"), why, action
    action = proposed(ann)
    seen = previewed(ann, action)
    account = seen["sample"]["accounts"][0]
    review = {"account_id": account, "decision": "registered_by_tool", "reason": "looked", "action_id": action}
    yield "/v1/reviews", cid, "/v1/reviews", review, account
    sample_reviewed(people("rob"), seen)
    yield f"{one}:approve", bea, path(action, ":approve"), {"digest": seen["digest"]}, action
    yield (
        f"{one}:override",
        cid,
        path(action, ":override"),
        {"cap": "per_hour", "targets": 9_000, "hours": 1, **why},
        action,
    )
    yield f"{one}:execute", bea, path(action, ":execute"), None, action
    yield f"{one}:pause", bea, path(action, ":pause"), why, action
    yield f"{one}:resume", cid, path(action, ":resume"), why, action
    while execution.carry_all(people.engine):
        state = ann.get(path(action)).json()["state"]
        if state == "paused":
            bea.post(path(action, ":resume"), why)
        elif state == "executed":
            break
    back = f"/targets/{account}:reverse"
    yield f"{one}/targets/{{account_id}}:reverse", bea, path(action, back), why, action
    yield f"{one}:reverse", bea, path(action, ":reverse"), why, action
    texts = [load().text.replace('version: "1"', f'version: "{n}"') for n in (2, 3)]
    two, three = (hashlib.sha256(text.encode()).hexdigest() for text in texts)
    yield "/v1/policies", ann, "/v1/policies", {"text": texts[0], **why}, two
    ann.post("/v1/policies", {"text": texts[1], **why})
    again()
    seen = {"publication_id": 1, **why}
    yield "/v1/policies/{sha256}:activate", bea, f"/v1/policies/{two}:activate", seen, two
    yield "/v1/policies/{sha256}:withdraw", ann, f"/v1/policies/{three}:withdraw", why, three
    yield "/v1/kill-switch:set", ann, "/v1/kill-switch:set", why, "kill switch"
    yield "/v1/kill-switch:lift", bea, "/v1/kill-switch:lift", why, "kill switch"


READS = {"/v1/verdicts:batchGet"}  # asked by POST because of their size


def test_every_change_is_in_the_audit_log_with_who_and_what(
    people: People, engine: Engine, again: Callable[[], Any]
) -> None:
    seen = set()
    for route, caller, path, body, subject in every_change(people, again):
        before = audited(engine)[-1].seq
        answer = caller.post(path, body)
        assert answer.status_code in (200, 201, 202), (route, answer.text)
        made = audited(engine, before)
        name = next(n for n, c in people.known.items() if c is caller)
        mine = [row for row in made if row.actor == name and row.subject.startswith(subject)]
        assert mine, (route, made)
        assert all(row.detail["key_id"] == caller.key.split("_")[1] for row in mine)
        seen.add(route)
    document = create_app(engine, carry_out=False).openapi()
    changes = {
        path for path, operations in document["paths"].items() for method in operations if method not in ("get", "head")
    }
    assert seen == changes - READS, "every route that changes something has a case here"


def test_reads_and_refused_requests_leave_nothing(people: People, engine: Engine) -> None:
    ann = people("ann", ALL)
    before = len(audited(engine))
    for path in ("/v1/accounts/bot-n1-0000/verdict", "/v1/networks", "/v1/networks/n1", "/v1/feed", "/v1/penalties"):
        assert ann.get(path).status_code == 200
    refused = ann.post("/v1/network-actions", {"network_id": "none", "action": "ban", "reason": "x"})
    assert refused.status_code == 404
    assert ann.post("/v1/kill-switch:lift", {"reason": "x"}).status_code == 409
    assert len(audited(engine)) == before


# ---- a database that cannot be written


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_postgresql_that_turns_read_only_and_back(people: People, engine: Engine) -> None:
    """As a failover does it: under the running server. A SQLite file that is read-only is in test_decision_store."""
    ann = people("ann", ALL)
    body = {"account_id": "bot-n1-0000", "decision": "unsure", "reason": "a look"}
    server = create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def turn(value: str) -> None:
        with server.connect() as connection:
            connection.execute(text(f"ALTER SYSTEM SET default_transaction_read_only = {value}"))
            connection.execute(text("SELECT pg_reload_conf()"))
            connection.execute(text("SELECT pg_sleep(0.3)"))

    try:
        before = audited(engine)
        turn("on")
        try:
            for path in ("/v1/accounts/bot-n1-0000/verdict", "/v1/networks", "/v1/feed", "/v1/audit", "/readyz"):
                assert ann.get(path).status_code == 200, path
            refused = ann.post("/v1/reviews", body)
            assert refused.status_code == 503, refused.text
            assert refused.headers["content-type"] == "application/problem+json"
            assert "read-only" in refused.json()["detail"]
            assert len(audited(engine)) == len(before)
        finally:
            turn("off")
        assert ann.post("/v1/reviews", body).status_code == 201
    finally:
        server.dispose()


# ---- no graph, no model


SERVED = """
import sys
from pathlib import Path
import httpx, socket, threading, uvicorn
from api import auth, execution
from api.app import create_app
from api.server import configuration
from api.store import open_store
engine = open_store(Path(sys.argv[1]), sys.argv[2])
key = auth.create(engine, "enforcement", ["verdict:read"], actor="t")
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
server = uvicorn.Server(configuration(create_app(engine)))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}); thread.start()
base = f"http://127.0.0.1:{listener.getsockname()[1]}"
found = httpx.get(f"{base}/v1/accounts/bot-n1-0000/verdict", headers={"Authorization": f"Bearer {key}"}).json()
server.should_exit = True; thread.join()
print(found["tier"], sorted({"neo4j", "torch", "duckdb", "graphdatascience", "pandas"} & set(sys.modules)))
"""


def test_a_verdict_is_answered_where_there_is_neither_neo4j_nor_a_model(
    engine: Engine, store_url: str, platform: Platform, policy: Policy, tmp_path: Path
) -> None:
    """No Neo4j was ever started for this store, and the process that answers has loaded nothing that could ask one."""
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    line = [sys.executable, "-c", SERVED, str(tmp_path / "elsewhere"), store_url]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n")[0] == "ban []", done.stderr


# ---- migrations


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return [script.revision for script in reversed(list(ScriptDirectory.from_config(config).walk_revisions()))]


def migrated(engine: Engine, step: Any, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        step(config, revision)


def filled(table: Table) -> dict[str, Any]:
    """A row for any table: all texts, all numbers and all JSON values are alike, so that references hold."""
    row: dict[str, Any] = {}
    for column in table.columns:
        kind = column.type
        row[column.name] = (
            ["x"]
            if isinstance(kind, JSON)
            else 0.5
            if isinstance(kind, Float)
            else 1
            if isinstance(kind, Integer)
            else "x"
        )
    return row


def tables(engine: Engine) -> MetaData:
    found = MetaData()
    found.reflect(engine)
    found.remove(found.tables["alembic_version"])
    return found


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with reading(engine) as tx:
        return {t.name: [dict(r) for r in tx.execute(select(t)).mappings()] for t in tables(engine).sorted_tables}


@pytest.mark.parametrize(("older", "newer"), list(zip(revisions(), revisions()[1:], strict=False)))
def test_a_row_in_every_table_survives_each_migration(engine: Engine, older: str, newer: str) -> None:
    """Up, down and up again: what both schemas hold is what it was."""
    migrated(engine, command.downgrade, "base")
    migrated(engine, command.upgrade, older)
    with writing(engine) as tx:
        for table in tables(engine).sorted_tables:
            tx.execute(insert(table).values(filled(table)))
    before = contents(engine)
    assert all(before.values())
    for step, revision in ((command.upgrade, newer), (command.downgrade, older), (command.upgrade, newer)):
        migrated(engine, step, revision)
        after = contents(engine)
        for name, rows in before.items():
            kept = [{c: v for c, v in row.items() if c in rows[0]} for row in after[name]]
            shared = [{c: v for c, v in row.items() if c in kept[0]} for row in rows]
            assert kept == shared, (name, step.__name__)


def test_a_store_of_every_age_is_brought_up_to_date(engine: Engine, store_url: str, tmp_path: Path) -> None:
    for revision in revisions():
        migrated(engine, command.downgrade, "base")
        migrated(engine, command.upgrade, revision)
        found = open_store(tmp_path, store_url)
        upgrade(found)
        assert inspect(found).has_table("audit")
        found.dispose()
