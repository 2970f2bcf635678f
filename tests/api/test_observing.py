"""What the service says of itself: log lines without secrets, metrics that move, traces that name nobody, health."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from apikit import ALL, HOUR, People, Platform, approved, banned_network, served, state_of
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, text, update
from test_webhooks import Scripted, Time, endpoint, happened

from api import logs, metrics, webhooks
from api.clock import now
from api.delivery import deliver
from api.logs import without_secrets
from api.metrics import StoreMetrics
from api.publish import publish
from api.rules import Policy
from api.store import open_store, writing
from api.tables import outbox

ROOT = Path(__file__).parents[2]
SCOPES = (*ALL, "metrics:read")


@pytest.fixture(autouse=True)
def every_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "CACHE_SECONDS", -1.0)


@pytest.fixture
def people(engine: Engine, platform: Platform, policy: Policy) -> Iterator[People]:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        yield people


def measured(people: People) -> dict[str, float]:
    answer = people("prometheus", SCOPES).get("/metrics")
    assert answer.status_code == 200, answer.text
    return {
        sample.name + "".join(f",{k}={v}" for k, v in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


# ---- metrics


def test_metrics_follow_an_action_and_its_reversal(people: People, engine: Engine) -> None:
    before = measured(people)
    assert before["shoal_store_up"] == 1
    assert before["shoal_networks,tier=ban"] == 1
    assert before["shoal_penalties_applied_total"] == 0
    action = approved(people)
    assert people("bea").post(f"/v1/network-actions/{action}:execute").status_code == 202
    wait(people, action, "executed", "paused")
    if state_of(people("ann"), action) == "paused":
        people("bea").post(f"/v1/network-actions/{action}:resume")
        wait(people, action, "executed")
    applied = measured(people)
    assert applied["shoal_penalties_applied_total"] == applied["shoal_penalties_recent"] == 8
    assert applied["shoal_outbox_waiting,kind=enforcement"] == 8
    with writing(engine) as tx:
        tx.execute(update(outbox).values(created_at=outbox.c.created_at - 3600 * 1_000_000))
    assert measured(people)["shoal_outbox_age_seconds"] >= 3600
    assert people("bea").post(f"/v1/network-actions/{action}:reverse", {"reason": "wrong"}).status_code == 202
    wait(people, action, "reversed")
    after = measured(people)
    assert after["shoal_penalties_recent_reversed"] == after["shoal_penalties_reversed_total"] == 8
    assert after["shoal_actions,state=reversed"] == 1
    people("ann", SCOPES).post("/v1/kill-switch:set", {"reason": "a look"})
    assert measured(people)["shoal_kill_switch"] == 1
    assert after["shoal_audit_rows"] > before["shoal_audit_rows"]


def wait(people: People, action: str, *states: str) -> None:
    for _ in range(200):
        if state_of(people("ann"), action) in states:
            return
        threading.Event().wait(0.05)
    pytest.fail(f"{action} is {state_of(people('ann'), action)}")


def test_metrics_name_no_account(people: People) -> None:
    people("ann").get("/v1/accounts/bot-n1-0001/verdict")
    people("ann").get("/v1/accounts/somebody/verdicts")
    people.http.request("BREW", "/v1/accounts/somebody/verdict")
    people.http.get("/somewhere/somebody")
    names = " ".join(measured(people))
    assert "route=/v1/accounts/{account_id:path}/verdict" in names
    assert "somebody" not in names
    assert "bot-n1" not in names
    assert "BREW" not in names
    assert "method=(other)" in names


def test_metrics_need_their_scope(people: People) -> None:
    assert people.http.get("/metrics").status_code == 401
    assert people("reader", ["verdict:read"]).get("/metrics").status_code == 403


def test_a_store_that_is_away_is_a_metric(tmp_path: Path) -> None:
    away = open_store(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing")
    found = {m.name: m.samples[0].value for m in StoreMetrics(away).collect()}
    assert found == {"shoal_store_up": 0}


def test_what_a_receiver_did_not_receive_is_a_metric(people: People, engine: Engine) -> None:
    endpoint_id, _ = endpoint(engine)

    def stands() -> tuple[float, float, float]:
        found = measured(people)
        age, dead, enabled = (
            found[f"shoal_webhook_{n},endpoint={endpoint_id}"] for n in ("age_seconds", "dead", "enabled")
        )
        return round(age / 3600), dead, enabled

    assert stands() == (0, 0, 1)
    seqs = happened(engine, ["a", "b", "c"])
    with writing(engine) as tx:
        for hours, seq in zip((3, 2, 1), seqs, strict=True):
            tx.execute(update(outbox).where(outbox.c.seq == seq).values(created_at=now() - hours * HOUR))
    assert stands() == (3, 0, 1), "nobody tried yet"
    clock, sender = Time(), Scripted(lambda told, _: 503 if told["seq"] == seqs[1] else 204)
    deliver(engine, sender, random.Random(1), now=clock)
    assert stands() == (2, 0, 1), "the one that was refused"
    while not webhooks.dead(engine, endpoint_id):
        clock.at += HOUR
        deliver(engine, sender, random.Random(1), now=clock)
    assert stands() == (0, 1, 1)
    with writing(engine) as tx:
        webhooks.set_state(tx, endpoint_id, "disabled", "a test", actor="test", at=now())
    assert stands() == (0, 1, 0)


def test_alarms_ask_for_metrics_that_there_are(people: People, engine: Engine) -> None:
    rules = yaml.safe_load((ROOT / "docs" / "examples" / "alerts.yml").read_text())["groups"][0]["rules"]
    people("ann").get("/v1/accounts/x/verdict")
    endpoint(engine)
    there = {name.partition(",")[0] for name in measured(people)}
    asked = {rule["alert"]: set(re.findall(r"shoal_[a-z_]+", rule["expr"])) for rule in rules}
    assert all(asked.values())
    assert {name for names in asked.values() for name in names} <= there
    for rule in rules:
        for page in re.findall(r"docs/[\w/-]+\.md", rule["annotations"]["action"]):
            assert (ROOT / page).is_file(), page


# ---- log lines

SECRETS = [
    "shoal_0123456789abcdef_" + "ab" * 32,
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl",
    "hunter2",
]


def lines(write: Any, form: str = "json") -> str:
    """What a block logs, as the service would write it."""
    before, root = logging.getLogger().handlers, logging.getLogger()
    level = root.level
    target, stderr = io.StringIO(), sys.stderr
    sys.stderr = target
    try:
        logs.configure(form, "INFO")
        write()
    finally:
        sys.stderr = stderr
        root.handlers, root.level = before, level
    return target.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize(
    "secret",
    [
        SECRETS[0],
        SECRETS[1],
        SECRETS[2],
        "postgresql://shoal:hunter2@db/x",
        "Authorization: Bearer hunter2",
        "password=hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        "[SQL: SELECT 1]\n[parameters: {'text': 'hunter2'}]",
    ],
)
def test_secrets_are_hidden_wherever_they_are(secret: str, form: str) -> None:
    def write() -> None:
        log = logs.logger("shoal.test")
        log.info("said", of=secret, nested={"a": [secret, 3]})
        logging.getLogger("a.library").warning("failed: %s", secret)
        try:
            raise ValueError(secret)
        except ValueError:
            logging.getLogger("a.library").exception("with a traceback")

    written = lines(write, form)
    assert written.count("(hidden)") >= 4
    assert not any(known in written for known in SECRETS)


@given(st.text(max_size=60), st.sampled_from(SECRETS[:3]), st.text(max_size=60))
def test_secrets_are_hidden_in_any_text(before: str, secret: str, after: str) -> None:
    assert secret not in without_secrets(f"{before} {secret} {after}")


def test_a_request_is_one_line_that_names_no_account(engine: Engine) -> None:
    def write() -> None:
        with served(engine) as people:
            key = people("ann").key
            made = people("ann").get("/v1/accounts/secret-person/verdict?x=secret-query")
            given_id = people.http.get("/healthz", headers={"X-Request-ID": "abcdef-123456"})
            odd = people.http.get("/healthz", headers={"X-Request-ID": "<script>"})
            assert given_id.headers["x-request-id"] == "abcdef-123456"
            assert odd.headers["x-request-id"] != "<script>"
            ids.extend([made.headers["x-request-id"], key])

    ids: list[str] = []
    written = lines(write)
    found = [json.loads(line) for line in written.splitlines()]
    line = next(x for x in found if x.get("request_id") == ids[0])
    assert (line["route"], line["status"]) == ("/v1/accounts/{account_id:path}/verdict", 200)
    assert line["credential"] == ids[1].split("_")[1]
    assert "secret-" not in written
    assert ids[1].split("_")[2] not in written


def test_a_fault_of_ours_is_logged_and_not_told(engine: Engine) -> None:
    def write() -> None:
        with served(engine) as people:
            ann = people("ann")
            with writing(engine) as tx:
                tx.execute(text("ALTER TABLE accounts RENAME TO away"))
            try:
                answers.append(ann.get("/v1/accounts/secret-person/verdict"))
            finally:
                with writing(engine) as tx:
                    tx.execute(text("ALTER TABLE away RENAME TO accounts"))

    answers: list[Any] = []
    written = lines(write)
    told = answers[0]
    assert told.status_code in (500, 503)
    assert not re.search(r"(?i)accounts|select|sqlite|psycopg|traceback|secret-person", told.text)
    assert told.json()["request_id"]
    assert "secret-person" not in written


# ---- health


def test_alive_and_ready(engine: Engine, platform: Platform, policy: Policy) -> None:
    with served(engine) as people:
        assert people.http.get("/healthz").json()["status"] == "ok"
        not_yet = people.http.get("/readyz")
        assert (not_yet.status_code, not_yet.json()["detail"]) == (503, "nothing is published yet")
        publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
        assert people.http.get("/readyz").status_code == 200
        with writing(engine) as tx:
            was = tx.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
            tx.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        older = people.http.get("/readyz")
        assert older.status_code == 503
        assert "shoal migrate" in older.json()["detail"]
        assert people.http.get("/healthz").status_code == 200
        with writing(engine) as tx:
            tx.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": was})


# ---- traces


class Collector(BaseHTTPRequestHandler):
    got: list[bytes]

    def do_POST(self) -> None:
        self.got.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


TRACED = """
import os, sys
from pathlib import Path
import httpx, threading, socket, uvicorn
from api import auth
from api.app import create_app
from api.server import configuration
from api.store import open_store, upgrade
engine = open_store(Path(sys.argv[1])); upgrade(engine)
key = auth.create(engine, "ann", ["verdict:read"], actor="t")
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
server = uvicorn.Server(configuration(create_app(engine)))
thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}); thread.start()
url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1/accounts/secret-person/verdict?x=secret-query"
assert httpx.get(url, headers={"Authorization": f"Bearer {key}"}).status_code == 200
server.should_exit = True; thread.join()
"""


@pytest.mark.parametrize("wanted", [True, False])
def test_traces_name_routes_and_nobody(tmp_path: Path, wanted: bool) -> None:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    Collector.got = []
    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
    environment |= {"SHOAL_OTLP_ENDPOINT": endpoint} if wanted else {}
    try:
        command = [sys.executable, "-c", TRACED, str(tmp_path)]
        subprocess.run(command, check=True, env=environment, cwd=ROOT, capture_output=True, timeout=120)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    if not wanted:
        assert Collector.got == []
        return
    spans = [
        span
        for body in Collector.got
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    names = {span.name for span in spans}
    assert "GET /v1/accounts/{account_id:path}/verdict" in names
    assert any(name.startswith("SELECT") for name in names), names
    whole = b"".join(Collector.got)
    for known in (b"secret-person", b"secret-query", b"shoal_", b"127.0.0.1"):
        assert known not in whole, known
