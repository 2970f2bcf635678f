"""Delivery to webhooks: at least once, in order for each account, whatever fails; and to no address inside."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import os
import random
import signal
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from apikit import People, Platform, approved, banned_network, served, state_of
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select, update
from standardwebhooks import Webhook
from test_execution import CrashError, approved_action, begin, crash_at

from api import delivery, execution, outbox, penalties, webhooks
from api.clock import now
from api.delivery import SCHEDULE, SECOND
from api.outbound import Allowed, Answered, RefusedError, Sender, check_url, public
from api.publish import publish
from api.rules import Policy
from api.store import open_store, reading, upgrade, writing
from api.tables import audit, webhook_endpoints, webhook_waiting
from api.tables import outbox as outbox_table
from api.tables import penalties as penalties_table
from graph.errors import ConflictError, InputError, NothingFoundError

ROOT = Path(__file__).parents[2]
HERE = Allowed.parse("127.0.0.1")
DAY = 86_400 * SECOND


class Scripted(Sender):
    """Receives as a script says: `answers(event, attempt)`; keeps what was received and in which order."""

    def __init__(self, answers: Callable[[dict[str, Any], int], int | str]) -> None:
        self.answers, self.seen, self.received = answers, {}, []  # type: ignore[var-annotated]
        self._lock = threading.Lock()

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> Answered:
        told = json.loads(body)["data"]
        with self._lock:
            n = self.seen[told["seq"]] = self.seen.get(told["seq"], 0) + 1
            answer = self.answers(told, n)
            if answer == "lost":
                raise OSError("timed out")
            if isinstance(answer, int) and answer < 300:
                self.received.append((told["account_id"], told["seq"]))
            status, _, wait = str(answer).partition("/")
            return Answered(int(status), int(wait) if wait else None)

    def close(self) -> None:
        pass


def happened(engine: Engine, accounts: list[str]) -> list[int]:
    """Events of accounts, one after the other; returns their serial numbers."""
    at = now()
    with writing(engine) as tx:
        known = tx.execute(select(outbox_table.c.event_id)).scalars().all()
        events = [
            outbox.Event(f"penalty.applied:p{len(known) + n}", outbox.ENFORCEMENT, payload(account, len(known) + n))
            for n, account in enumerate(accounts)
        ]
        outbox.send(tx, events, at)
        return list(tx.execute(select(outbox_table.c.seq).order_by(outbox_table.c.seq)).scalars())[-len(accounts) :]


def payload(account: str, n: int) -> dict[str, Any]:
    return {
        "type": ("penalty.applied", "penalty.reversed")[n % 2],
        "account_id": account,
        "effective": "ban",
        "at": "2026-11-26T00:00:00.000000Z",
    }


def endpoint(engine: Engine, url: str = "http://127.0.0.1:9/", types: tuple[str, ...] = ()) -> tuple[str, str]:
    return webhooks.add(engine, url, types, HERE, actor="t")


class Time:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.at = now()

    def __call__(self) -> int:
        return self.at


def to_the_end(engine: Engine, sender: Sender, clock: Time, days: int = 6) -> None:
    """Deliver again and again until so many days have passed."""
    for _ in range(days * 24):
        delivery.deliver(engine, sender, random.Random(1), now=clock)
        clock.at += 3600 * SECOND


def in_order(received: list[tuple[str, int]]) -> bool:
    """Whether what each account's events were first received in is the order that they happened in."""
    first: dict[str, list[int]] = {}
    for account, seq in received:
        mine = first.setdefault(account, [])
        if seq not in mine:
            mine.append(seq)
    return all(mine == sorted(mine) for mine in first.values())


def test_everything_is_received_once_and_in_order_when_nothing_fails(engine: Engine) -> None:
    happened(engine, ["before"])
    endpoint(engine)
    seqs = happened(engine, [f"a{n % 40}" for n in range(1200)])
    sender = Scripted(lambda *_: 204)
    assert delivery.deliver(engine, sender, random.Random(1)) == 1200
    assert sorted(seq for _, seq in sender.received) == seqs
    assert in_order(sender.received)
    assert delivery.deliver(engine, sender, random.Random(1)) == 0
    with reading(engine) as tx:
        assert tx.execute(select(webhook_waiting)).all() == []


@given(
    accounts=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=12),
    fails=st.dictionaries(st.integers(1, 12), st.integers(1, 4), max_size=6),
    kinds=st.lists(st.sampled_from([500, 404, 302, "lost", "429/7200"]), min_size=4, max_size=4),
    crashes=st.lists(st.integers(1, 30), max_size=4),
)
@settings(max_examples=25, deadline=None)
def test_at_least_once_and_in_order_whatever_fails(
    tmp_path_factory: pytest.TempPathFactory,
    accounts: list[str],
    fails: dict[int, int],
    kinds: list[Any],
    crashes: list[int],
) -> None:
    """Receivers that fail some times, in any way, and a sender that dies at any statement."""
    engine = open_store(tmp_path_factory.mktemp("store"))
    upgrade(engine)
    try:
        endpoint(engine)
        seqs = happened(engine, accounts)
        number = {seq: n for n, seq in enumerate(seqs, start=1)}
        sender = Scripted(lambda told, n: kinds[n - 1] if n <= fails.get(number[told["seq"]], 0) else 204)
        clock = Time()
        for statement in crashes:
            try:
                with crash_at(engine, statement):
                    delivery.deliver(engine, sender, random.Random(1), now=clock)
            except CrashError:
                clock.at += delivery.LEASE
        to_the_end(engine, sender, clock)
        assert {seq for _, seq in sender.received} == set(seqs)
        assert in_order(sender.received)
        with reading(engine) as tx:
            assert tx.execute(select(webhook_waiting)).all() == []
    finally:
        engine.dispose()


def test_a_crash_at_any_statement_loses_nothing(engine: Engine) -> None:
    endpoint(engine)
    for statement in range(1, 40):
        seqs = happened(engine, ["a", "b", "a"])
        sender, clock = Scripted(lambda told, n: 500 if told["account_id"] == "b" and n == 1 else 204), Time()
        try:
            with crash_at(engine, statement):
                delivery.deliver(engine, sender, random.Random(1), now=clock)
            crashed = False
        except CrashError:
            crashed = True
            clock.at += delivery.LEASE
        to_the_end(engine, sender, clock, days=1)
        assert {seq for _, seq in sender.received} >= set(seqs), statement
        assert in_order([r for r in sender.received if r[1] in seqs])
        if not crashed:
            break
    assert statement > 8


def test_one_account_that_fails_stops_no_other(engine: Engine) -> None:
    endpoint(engine)
    seqs = happened(engine, ["a", "b", "a", "b", "c"])
    sender = Scripted(lambda told, n: 500 if told["account_id"] == "a" else 204)
    assert delivery.deliver(engine, sender, random.Random(1)) == 3
    assert sender.seen == {seqs[0]: 1, seqs[1]: 1, seqs[3]: 1, seqs[4]: 1}
    more = happened(engine, ["a", "b"])
    assert delivery.deliver(engine, sender, random.Random(1)) == 1
    assert more[0] not in sender.seen, "an event of the account still waits"


def test_a_receiver_that_takes_nothing_holds_up_one_batch_a_pass(engine: Engine) -> None:
    """What else the worker does waits for one round of its timeouts, not for all that there is to send."""
    endpoint(engine)
    happened(engine, [f"a{n}" for n in range(3 * delivery.BATCH)])
    sender = Scripted(lambda *_: "lost")
    assert delivery.deliver(engine, sender, random.Random(1)) == 0
    assert len(sender.seen) == delivery.BATCH
    assert delivery.deliver(engine, sender, random.Random(1)) == 0
    assert len(sender.seen) == 2 * delivery.BATCH


def test_after_three_days_an_event_is_dead_and_can_be_tried_again(engine: Engine) -> None:
    endpoint_id, _ = endpoint(engine)
    seqs = happened(engine, ["a", "b", "a"])
    healthy: list[bool] = []
    sender = Scripted(lambda told, n: 204 if healthy or told["seq"] != seqs[0] else 503)
    clock = Time()
    start = clock.at
    while not webhooks.dead(engine, endpoint_id):
        delivery.deliver(engine, sender, random.Random(1), now=clock)
        clock.at += 60 * SECOND
    assert 2.5 * DAY < clock.at - start < 4 * DAY
    assert sender.seen[seqs[0]] == len(SCHEDULE) + 1
    delivery.deliver(engine, sender, random.Random(1), now=clock)
    assert (("a", seqs[2])) in sender.received, "the account goes on after a dead event"
    (row,) = webhooks.dead(engine, endpoint_id)
    assert (row["seq"], row["why"]) == (seqs[0], "answered 503")
    healthy.append(True)
    assert webhooks.revive(engine, endpoint_id, actor="ann") == 1
    assert delivery.deliver(engine, sender, random.Random(1)) == 1
    assert webhooks.dead(engine, endpoint_id) == []


def test_replay_from_a_serial_number(engine: Engine) -> None:
    endpoint_id, _ = endpoint(engine)
    seqs = happened(engine, ["a", "b", "a", "b"])
    sender = Scripted(lambda *_: 204)
    delivery.deliver(engine, sender, random.Random(1))
    webhooks.replay(engine, endpoint_id, seqs[2], actor="ann")
    assert delivery.deliver(engine, sender, random.Random(1)) == 2
    assert [sender.seen[s] for s in seqs] == [1, 1, 2, 2]
    with pytest.raises(InputError):
        webhooks.replay(engine, endpoint_id, 0, actor="ann")
    with pytest.raises(NothingFoundError):
        webhooks.replay(engine, "wh-none", 1, actor="ann")


def test_retry_after_is_kept(engine: Engine) -> None:
    endpoint(engine)
    happened(engine, ["a"])
    clock = Time()
    start, tried = clock.at, []
    sender = Scripted(lambda told, n: (tried.append(clock.at - start), "503/600" if n == 1 else 204)[1])
    for _ in range(30):
        delivery.deliver(engine, sender, random.Random(1), now=clock)
        clock.at += 60 * SECOND
    assert tried == [0, 600 * SECOND]


def test_410_and_five_days_of_silence_disable_an_endpoint(engine: Engine) -> None:
    gone, _ = endpoint(engine)
    happened(engine, ["a"])
    delivery.deliver(engine, Scripted(lambda *_: 410), random.Random(1))
    silent, _ = endpoint(engine)
    clock = Time()
    for _ in range(8):
        happened(engine, [f"x{clock.at}"])
        delivery.deliver(engine, Scripted(lambda *_: "lost"), random.Random(1), now=clock)
        clock.at += DAY
    assert {row["endpoint_id"]: row["state"] for row in webhooks.listed(engine)} == {
        gone: "disabled",
        silent: "disabled",
    }
    with reading(engine) as tx:
        said = tx.execute(select(audit.c.subject, audit.c.detail).where(audit.c.event == "webhook.disabled")).all()
    assert [row.subject for row in said] == [gone, silent]
    assert "410" in said[0].detail["why"]
    assert "nothing was received since" in said[1].detail["why"]
    sender = Scripted(lambda *_: 204)
    assert delivery.deliver(engine, sender, random.Random(1), now=clock) == 0
    with writing(engine) as tx:
        webhooks.set_state(tx, silent, "enabled", "it is back", actor="ann", at=now())
    to_the_end(engine, sender, clock)
    assert len(sender.received) == 8, "what happened meanwhile waited"
    with writing(engine) as tx, pytest.raises(ConflictError):
        webhooks.set_state(tx, silent, "enabled", "again", actor="ann", at=now())


def test_only_the_events_that_were_asked_for(engine: Engine) -> None:
    endpoint(engine, types=("penalty.reversed",))
    happened(engine, ["a", "b", "c", "d"])
    sender = Scripted(lambda *_: 204)
    assert delivery.deliver(engine, sender, random.Random(1)) == 2
    with pytest.raises(InputError, match=r"penalty\.imagined"):
        endpoint(engine, types=("penalty.imagined",))


def test_two_workers_never_send_to_one_endpoint_at_once(engine: Engine) -> None:
    endpoint(engine)
    happened(engine, [f"a{n % 5}" for n in range(60)])
    inside, most = [0], [0]
    lock = threading.Lock()

    def slow(told: dict[str, Any], n: int) -> int:
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.002)
        with lock:
            inside[0] -= 1
        return 204

    sender = Scripted(slow)
    sender._lock = threading.Lock()
    workers = [threading.Thread(target=lambda: delivery.deliver(engine, sender, random.Random(1))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    delivery.deliver(engine, sender, random.Random(1))
    assert in_order(sender.received)
    assert set(sender.seen.values()) == {1}


def test_a_worker_whose_lease_is_over_changes_nothing(engine: Engine) -> None:
    endpoint_id, _ = endpoint(engine)
    happened(engine, ["a"])

    def late(*_: Any) -> int:
        with writing(engine) as tx:  # meanwhile another took the endpoint
            tx.execute(update(webhook_endpoints).values(lease="another's"))
        return 204

    assert delivery.deliver(engine, Scripted(late), random.Random(1)) == 0
    with reading(engine) as tx:
        row = webhooks.find(tx, endpoint_id)
    assert row.lease == "another's"


# ---- signatures


def test_both_secrets_sign_while_they_overlap(engine: Engine) -> None:
    endpoint_id, old = endpoint(engine)
    new = webhooks.rotate(engine, endpoint_id, actor="ann", overlap=3600 * SECOND)
    with reading(engine) as tx:
        row = webhooks.find(tx, endpoint_id)
    at, body = now(), b'{"a":1}'
    headers = delivery.signed(row, "m1", body, at)
    for secret in (old, new):
        assert Webhook(secret).verify(body.decode(), headers) == {"a": 1}
    later = delivery.signed(row, "m1", body, at + 3601 * SECOND)
    assert len(later["webhook-signature"].split()) == 1


def test_secrets_are_told_nowhere(engine: Engine) -> None:
    endpoint_id, secret = endpoint(engine)
    new = webhooks.rotate(engine, endpoint_id, actor="ann", overlap=SECOND)
    with reading(engine) as tx:
        said = json.dumps([list(map(str, row)) for row in tx.execute(select(audit))])
    said += str([dict(row) for row in webhooks.listed(engine)])
    assert secret not in said
    assert new not in said


# ---- where requests may go


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_no_address_that_is_not_public(address: Any) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not public(address)
    if address.version == 4:
        for inside in (f"::ffff:{address}", f"64:ff9b::{address}"):
            assert public(ipaddress.ip_address(inside)) == public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://platform.example/",
        "ftp://platform.example/",
        "https://",
        "https://ann:secret@platform.example/",
        "https://platform.example/#x",
        "https://127.0.0.2/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254/latest",
        "https://10.0.0.1:8443/",
        "https://0.0.0.0/",
        "https://platform.example:99999/",
        "https://plätform.example/",
        "https://platform.example/\n",
        f"https://platform.example/{'x' * 2000}",
        "javascript:alert(1)",
        "HTTPS://[",
    ],
)
def test_urls_that_are_not_taken(url: str, engine: Engine) -> None:
    with pytest.raises(InputError):
        endpoint(engine, url)
    assert webhooks.listed(engine) == []


def test_urls_that_are(engine: Engine) -> None:
    for url in ("https://hooks.platform.example/shoal?x=1", "https://8.8.8.8/", "http://127.0.0.1:80/"):
        check_url(url, HERE)
    check_url("http://inside/", Allowed.parse("inside, 10.0.0.0/8"))
    check_url("http://10.1.2.3/", Allowed.parse("inside, 10.0.0.0/8"))
    with pytest.raises(InputError, match="SHOAL_WEBHOOK_ALLOW"):
        Allowed.parse("10.0.0.0/99")


class Receiver(BaseHTTPRequestHandler):
    """A real receiver; `hits` of all of them."""

    hits: list[str]
    answer = 204

    def do_POST(self) -> None:
        type(self).hits.append(self.headers["Host"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.answer)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def listening(server: ThreadingHTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_name_that_resolves_inside_is_refused_at_each_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was public when it was looked at first, and one of whose addresses only one is inside."""
    Receiver.hits = []
    answers = {"rebinds.example": [["127.0.0.1"]], "both.example": [["93.184.216.34", "127.0.0.1"]]}
    with listening(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        for host, found in answers.items():
            sender = Sender(Allowed.parse(""), timeout=5, resolver=lambda _host, _port, found=found: found[0])
            for scheme in ("http", "https"):
                with pytest.raises(RefusedError):
                    sender.post(f"{scheme}://{host}:{port}/", b"{}", {})
            sender.close()
        assert Receiver.hits == []
        sender = Sender(Allowed.parse("inside.example"), timeout=5, resolver=lambda *_: ["127.0.0.1"])
        assert sender.post(f"http://inside.example:{port}/", b"{}", {}).status == 204
        Receiver.answer = 302
        assert sender.post(f"http://inside.example:{port}/", b"{}", {}).status == 302
        Receiver.answer = 204
        sender.close()
    assert Receiver.hits == [f"inside.example:{port}"] * 2, "no redirect is followed"


def test_a_receiver_that_is_away_or_silent_is_an_oserror() -> None:
    sender = Sender(HERE, timeout=0.3)
    with pytest.raises(OSError, match="Connect"):
        sender.post("http://127.0.0.1:1/", b"{}", {})
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(OSError, match="Timeout"):
        sender.post(f"http://127.0.0.1:{silent.getsockname()[1]}/", b"{}", {})
    sender.close()


class Dripping(socketserver.BaseRequestHandler):
    """Answers a byte at a time, each well within what one step may take."""

    answer = b""

    def handle(self) -> None:
        self.request.recv(65536)
        with suppress(OSError):
            for n in range(len(self.answer)):
                self.request.sendall(self.answer[n : n + 1])
                time.sleep(0.1)


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 204 No Content\r\nX-Filler: ", b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n"],
    ids=["head", "body"],
)
def test_a_receiver_that_answers_byte_by_byte_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    monkeypatch.setattr(Dripping, "answer", answer + b"x" * 100)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Dripping) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sender = Sender(HERE, timeout=1)
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"in time|timed out"):
            sender.post(f"http://127.0.0.1:{server.server_address[1]}/", b"{}", {})
        assert time.monotonic() - begun < 8
        sender.close()
        server.shutdown()


# ---- the feed's beginning


def test_the_feed_is_pruned_from_its_beginning_and_says_so(engine: Engine) -> None:
    seqs = happened(engine, [f"a{n}" for n in range(10)])
    at = now()
    with writing(engine) as tx:
        tx.execute(update(outbox_table).where(outbox_table.c.seq <= seqs[6]).values(delivered_at=at - DAY))
        tx.execute(update(outbox_table).where(outbox_table.c.seq == seqs[2]).values(delivered_at=None))
        assert outbox.prune(tx, at, None) == 2, "nothing behind what is not delivered goes"
        tx.execute(update(outbox_table).where(outbox_table.c.seq == seqs[2]).values(delivered_at=at - DAY))
        assert outbox.prune(tx, at, seqs[4]) == 2, "nor what a webhook may still be sent"
        assert outbox.prune(tx, at, None) == 3
        assert outbox.prune(tx, at, None) == 0
        assert outbox.last_seq(tx) == seqs[-1]
    with served(engine) as people:
        ann = people("ann")
        gone = ann.get("/v1/feed")
        assert (gone.status_code, gone.json()["type"]) == (410, "urn:shoal:problem:gone")
        assert ann.get("/v1/feed", cursor=seqs[5]).status_code == 410
        found = ann.get("/v1/feed", cursor=seqs[6]).json()
    assert [e["seq"] for e in found["events"]] == seqs[7:]


def test_a_webhook_holds_the_feed(engine: Engine) -> None:
    endpoint(engine)
    happened(engine, ["a", "b"])
    delivery.deliver(engine, Scripted(lambda told, n: 500 if told["account_id"] == "a" else 204), random.Random(1))
    with writing(engine) as tx:
        tx.execute(update(outbox_table).values(delivered_at=now() - DAY))
        assert outbox.prune(tx, now(), webhooks.held_from(tx)) == 0
        assert webhooks.unsent(tx, "a")
        assert not webhooks.unsent(tx, "b")
        tx.execute(insert(webhook_endpoints).values({**_row(tx), "endpoint_id": "wh-2", "cursor": 0}))
        assert webhooks.unsent(tx, "b")


def _row(tx: Any) -> dict[str, Any]:
    return dict(tx.execute(select(webhook_endpoints)).mappings().one())


# ---- the consumer of the documentation


@pytest.fixture(scope="module")
def consumer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("consumer", ROOT / "docs" / "examples" / "consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def known(consumer: ModuleType, file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as connection:
        found: dict[str, str] = consumer.enforced(connection)
        return found


def in_force(people: People) -> dict[str, str]:
    page = people("reader").get("/v1/penalties").json()
    return {p["account_id"]: p["tier"] for p in page["penalties"]}


def carry(people: People, action: str, step: str, *ends: str) -> None:
    body = {"reason": "wrong"} if step == "reverse" else None
    people("bea").post(f"/v1/network-actions/{action}:{step}", body)
    for _ in range(400):
        state = state_of(people("ann"), action)
        if state in ends:
            return
        if state == "paused":
            people("bea").post(f"/v1/network-actions/{action}:resume")
        time.sleep(0.05)
    pytest.fail(state)


def test_the_consumer_ends_where_the_store_does(
    engine: Engine, store_url: str, platform: Platform, policy: Policy, consumer: ModuleType, tmp_path: Path
) -> None:
    """By webhook and by feed: through a receiver that fails at random and a worker that is killed twice."""
    publish(banned_network(platform, size=60), platform.place.log, engine, policy=policy, actor="t")
    by_hook, by_feed = tmp_path / "hook.db", tmp_path / "feed.db"
    rng = random.Random(7)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
    environment |= {"SHOAL_DATABASE_URL": store_url, "SHOAL_WEBHOOK_ALLOW": "127.0.0.1"}
    with served(engine) as people, closing(consumer.database(str(by_feed))) as feed:
        key, base = people("reader", ["verdict:read"]).key, str(people.http.base_url)
        consumer.pull(feed, base, key)
        endpoint_id, secret = webhooks.add(engine, "http://127.0.0.1:9/", (), HERE, actor="t")
        good = consumer.receive(str(by_hook), secret, 0)
        inner = good.RequestHandlerClass

        class Flaky(inner):  # type: ignore[valid-type,misc]
            def answer(self, status: int) -> None:
                super().answer(500 if rng.random() < 0.2 else status)

        good.RequestHandlerClass = Flaky
        with listening(good) as port:
            with writing(engine) as tx:
                tx.execute(update(webhook_endpoints).values(url=f"http://127.0.0.1:{port}/"))
            action = approved(people)
            worker = [sys.executable, "-m", "shoal", "worker", "--every", "0.05", "--dir", str(platform.place.root)]
            for step, ends in (("execute", ("executed",)), ("reverse", ("reversed", "partially_reversed"))):
                running = subprocess.Popen(
                    worker, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                carry(people, action, step, *ends)
                wait_for(lambda: by_hook.exists() and _seen(by_hook) > 10)
                running.send_signal(signal.SIGKILL)
                running.wait()
                with writing(engine) as tx:
                    tx.execute(update(webhook_endpoints).values(leased_until=None))  # what the dead one held is over
                sender = Sender(HERE, timeout=5)
                for _ in range(80):
                    delivery.deliver(engine, sender, rng)
                    with writing(engine) as tx:  # as if the time to wait had passed: a signature is good for minutes
                        tx.execute(update(webhook_waiting).values(next_at=0))
                sender.close()
                while consumer.pull(feed, base, key):
                    pass
                assert known(consumer, by_hook) == known(consumer, by_feed) == in_force(people), step
                assert len(known(consumer, by_hook)) == (60 if step == "execute" else 0)
    with reading(engine) as tx:
        assert tx.execute(select(webhook_waiting)).all() == []
        assert webhooks.find(tx, endpoint_id).state == "enabled"


def _seen(file: Path) -> int:
    try:
        with closing(sqlite3.connect(file)) as connection:
            return int(connection.execute("SELECT count(*) FROM in_force").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def wait_for(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_consumer_that_was_away_for_long_begins_with_what_is_in_force(
    engine: Engine, platform: Platform, policy: Policy, consumer: ModuleType, tmp_path: Path
) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="t")
    with served(engine) as people, closing(consumer.database(str(tmp_path / "c.db"))) as feed:
        key, base = people("reader", ["verdict:read"]).key, str(people.http.base_url)
        consumer.apply(feed, {"account_id": "old", "effective": "ban", "expires_at": None, "then": [], "seq": 0})
        action = approved(people)
        carry(people, action, "execute", "executed")
        with writing(engine) as tx:
            tx.execute(update(outbox_table).values(delivered_at=now() - DAY))
            outbox.prune(tx, now(), None)
        feed.execute("INSERT INTO place VALUES (1, '0')")
        feed.commit()
        while consumer.pull(feed, base, key):
            pass
        assert known(consumer, tmp_path / "c.db") == in_force(people)
        assert len(in_force(people)) == 8
        page = people("reader").get("/v1/penalties", limit=3).json()
        assert (len(page["penalties"]), page["next_cursor"]) == (3, page["penalties"][-1]["account_id"])


def test_a_penalty_ends_by_itself_and_leaves_what_is_milder(
    engine: Engine, platform: Platform, policy: Policy, consumer: ModuleType, tmp_path: Path
) -> None:
    """The consumer agrees with the store at any later time, also if it began with what is in force."""
    publish(banned_network(platform, 5), platform.place.log, engine, policy=policy, actor="t")
    for tier in ("warn", "restrict"):  # for 90 and for 30 days
        action_id = approved_action(engine, action=tier)
        begin(engine, action_id, "execute")
        execution.carry_on(engine, action_id)
    with served(engine) as people:
        key, base = people("reader", ["verdict:read"]).key, str(people.http.base_url)
        with closing(consumer.database(str(tmp_path / "late.db"))) as late:
            consumer.pull(late, base, key)
        with closing(consumer.database(str(tmp_path / "early.db"))) as early:
            early.execute("INSERT INTO place VALUES (1, '0')")
            early.commit()
            while consumer.pull(early, base, key):
                pass
    tiers = []
    for days in (1, 31, 91):
        at = now() + days * DAY
        with reading(engine) as tx:
            held = penalties.in_force(tx, penalties_table.c.penalty_id.is_not(None), at)
        stands = {name: effective.tier for name, effective in held.items()}
        for name in ("early.db", "late.db"):
            with closing(sqlite3.connect(tmp_path / name)) as connection:
                assert consumer.enforced(connection, datetime.fromtimestamp(at / SECOND, UTC)) == stands
        tiers.append(set(stands.values()))
    assert tiers == [{"restrict"}, {"warn"}, set()]


def test_a_forged_webhook_is_refused(consumer: ModuleType, tmp_path: Path) -> None:
    secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
    with listening(consumer.receive(str(tmp_path / "c.db"), secret, 0)) as port:
        told = {
            "type": "penalty.applied",
            "data": {"account_id": "x", "effective": "ban", "expires_at": None, "then": [], "seq": 1},
        }
        headers = {"webhook-id": "m", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
        assert httpx.post(f"http://127.0.0.1:{port}/", json=told, headers=headers).status_code == 400
    assert not (tmp_path / "c.db").exists()


def test_commands_of_webhooks(tmp_path: Path) -> None:
    Receiver.hits = []

    def shoal(*arguments: str, code: int = 0) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
        environment |= {"SHOAL_WEBHOOK_ALLOW": "127.0.0.1"}
        line = [sys.executable, "-m", "shoal", *arguments, "--dir", str(tmp_path / "d")]
        done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    with listening(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as port:
        endpoint_id, secret = shoal("webhook", "add", f"http://127.0.0.1:{port}/x").split()
        assert secret.startswith("whsec_")
        assert "received it" in shoal("webhook", "test", endpoint_id)
        listed = shoal("webhook", "list")
        assert endpoint_id in listed
        assert secret not in listed
        assert "disabled" in shoal("webhook", "disable", endpoint_id, "--reason", "a look")
        assert "enabled" in shoal("webhook", "enable", endpoint_id, "--reason", "done")
        assert shoal("webhook", "rotate", endpoint_id, "--overlap", "1h").startswith("whsec_")
        assert "0 dead events" in shoal("webhook", "dead", endpoint_id)
        assert "0 events" in shoal("webhook", "replay", endpoint_id, "--dead")
        assert "from 1 on" in shoal("webhook", "replay", endpoint_id, "--from", "1")
        shoal("webhook", "replay", endpoint_id, code=2)
        assert "expected https" in shoal("webhook", "add", "http://platform.example/", code=2)
    assert "Connect" in shoal("webhook", "test", endpoint_id, code=6)
    assert len(Receiver.hits) == 1
