"""Quotas: what they count, what is said of them, and what happens when they are used up."""

from __future__ import annotations

import logging
import re
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from apikit import ALL, Caller, People, served
from hypothesis import given
from hypothesis import strategies as st
from limits.errors import StorageError
from sqlalchemy import Engine, create_engine

from api import auth
from api.app import create_app
from api.rates import Counters, RateError, Rates
from graph.errors import InputError

POLICY = re.compile(r'"(reads|items|writes|halts)";q=(\d+);w=(\d+)')
LIMIT = re.compile(r'"(reads|items|writes|halts)";r=(\d+);t=(\d+)')


@pytest.fixture(autouse=True)
def _quotas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, rate in (("READS", "5/hour"), ("ITEMS", "100/hour"), ("WRITES", "3/hour"), ("FAILURES", "4/hour")):
        monkeypatch.setenv(f"SHOAL_RATE_{name}", rate)


def limited(answer: httpx.Response) -> int:
    assert answer.status_code == 429, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:shoal:problem:rate-limited"
    assert answer.headers["x-content-type-options"] == "nosniff"
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= 7_200
    return seconds


def test_reads_are_counted_by_caller_and_said(engine: Engine) -> None:
    with served(engine, carry_out=False) as people:
        ann = people("ann")
        for left in range(4, -1, -1):
            answer = ann.get("/v1/accounts/a/verdict")
            assert answer.status_code == 200
            policy, limit = answer.headers["ratelimit-policy"], answer.headers["ratelimit"]
            assert POLICY.fullmatch(policy)
            assert policy == '"reads";q=5;w=3600'
            found = LIMIT.fullmatch(limit)
            assert found is not None
            assert int(found[2]) == left
        limited(ann.get("/v1/accounts/a/verdict"))
        second_key = Caller(people.http, auth.create(engine, "ann", ALL, actor="test"))
        limited(second_key.get("/v1/networks"))
        assert people("bea").get("/v1/networks").status_code == 200, "a quota is its caller's"
        assert ann.post("/v1/kill-switch:set", {"reason": "x"}).status_code == 200, "writes have another"


def test_batches_cost_what_they_ask(engine: Engine) -> None:
    with served(engine, carry_out=False) as people:
        ann = people("ann")
        first = ann.post("/v1/verdicts:batchGet", {"account_ids": ["a"] * 60})
        assert first.status_code == 200
        assert '"items";r=40;' in first.headers["ratelimit"]
        assert first.headers["ratelimit"].count("r=") == 2
        too_many = ann.post("/v1/verdicts:batchGet", {"account_ids": ["a"] * 60})
        limited(too_many)
        assert ann.post("/v1/verdicts:batchGet", {"account_ids": ["a"] * 40}).status_code == 200, "what is left is left"
        limited(ann.post("/v1/verdicts:batchGet", {"account_ids": ["a"]}))


def test_no_work_uses_up_the_emergency_stop(engine: Engine) -> None:
    with served(engine, carry_out=False) as people:
        ann = people("ann")
        body = {"account_id": "a", "decision": "unsure", "reason": "x"}
        assert [ann.post("/v1/reviews", body).status_code for _ in range(4)] == [201, 201, 201, 429]
        assert ann.post("/v1/kill-switch:set", {"reason": "x"}).status_code == 200
        limited(ann.post("/v1/reviews", body))


def test_wrong_credentials_are_counted_by_address_and_good_ones_go_on(engine: Engine) -> None:
    with served(engine, carry_out=False) as people:
        ann = people("ann")

        def attempt(credential: str) -> httpx.Response:
            return people.http.get("/v1/networks", headers={"Authorization": f"Bearer {credential}"})

        assert [attempt(f"shoal_{n}_x").status_code for n in range(6)] == [401, 401, 401, 401, 429, 429]
        limited(attempt("a.b.c"))
        assert ann.get("/v1/networks").status_code == 200, "who shares an address with a guesser is not shut out"
        bare = people.http.get("/v1/networks")
        assert bare.status_code == 401, "who gives nothing guesses nothing"


def test_the_address_is_that_of_who_is_behind_a_trusted_proxy(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(people: People, forwarded: str) -> int:
        headers = {"Authorization": "Bearer shoal_x_y", "X-Forwarded-For": forwarded}
        return people.http.get("/v1/networks", headers=headers).status_code

    with served(engine, carry_out=False) as people:
        assert [wrong(people, f"10.0.0.{n}") for n in range(5)] == [401] * 4 + [429], "nobody is believed"
    monkeypatch.setenv("SHOAL_TRUSTED_PROXIES", "127.0.0.0/8")
    key = auth.create(engine, "ann", ALL, actor="test", allowed_from=["203.0.113.0/24"])
    with served(engine, carry_out=False) as people:
        assert [wrong(people, f"10.0.0.{n}") for n in range(5)] == [401] * 5
        assert [wrong(people, f"10.9.9.{n}, 10.0.0.99") for n in range(5)] == [401] * 4 + [429], "the last hop counts"
        assert [wrong(people, f"2001:db8::{n}") for n in range(5)] == [401] * 4 + [429], "a /64 is one"

        def status(forwarded: str) -> int:
            headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": forwarded}
            return people.http.get("/v1/networks", headers=headers).status_code

        assert status("203.0.113.9") == 200
        assert status("203.0.113.9, 198.51.100.1") == 401, "what the client wrote itself is not believed"


def test_health_and_the_document_have_no_quota(engine: Engine) -> None:
    with served(engine, carry_out=False) as people:
        for _ in range(20):
            answer = people.http.get("/healthz")
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers
        assert people.http.get("/openapi.json").status_code == 200
        document = people.http.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        if path.startswith("/v1"):
            for operation in methods.values():
                assert "application/problem+json" in operation["responses"]["429"]["content"]
                assert "Retry-After" in operation["responses"]["429"]["headers"]


def test_off_is_off(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOAL_RATE_READS", "off")
    with served(engine, carry_out=False) as people:
        ann = people("ann")
        answers = [ann.get("/v1/networks") for _ in range(10)]
    assert {a.status_code for a in answers} == {200}
    assert not any("ratelimit" in a.headers for a in answers)


def test_many_at_once_get_no_more_than_the_quota() -> None:
    rates = Rates({"reads": "50/hour"})

    def spend(_: int) -> bool:
        try:
            rates.spend("reads", "ann")
        except RateError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        allowed = sum(pool.map(spend, range(400)))
    assert allowed == 50


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 60))
def test_what_was_let_through_never_exceeds_the_quota(costs: list[int], quota: int) -> None:
    rates, spent = Rates({"items": f"{quota}/day"}), 0
    for cost in costs:
        if spent + cost > quota:
            with pytest.raises(RateError) as error:
                rates.spend("items", "ann", cost)
            assert error.value.retry_after >= 1
            continue
        standing = rates.spend("items", "ann", cost)
        spent += cost
        assert standing is not None
        assert standing.left == quota - spent
    assert spent <= quota


def test_counters_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("api.rates.time.time", lambda: now)
    counters = Counters()
    for n in range(100):
        assert counters.incr(f"k{n}", 10) == 1
    assert (counters.incr("k0", 10, 4), counters.get("k0"), counters.decr("k0", 9)) == (5, 5, 0)
    now += 10
    assert counters.get("k1") == 0
    assert counters.incr("k1", 10) == 1, "begun anew"
    now += Counters.SWEEP + 1
    counters.incr("other", 10)
    assert list(counters.storage) == ["other"], "what is over takes no memory"


@given(st.floats(0, 59.9), st.lists(st.tuples(st.floats(0, 50), st.integers(1, 10)), max_size=20), st.integers(1, 10))
def test_who_waits_as_told_is_let_through(start: float, spent: list[tuple[float, int]], cost: int) -> None:
    """And nobody is told to wait much longer than that: two seconds earlier the same is refused.

    One second is rounding up, and an instant is added so that what just falls out of the window is out.
    """
    with pytest.MonkeyPatch.context() as patch:
        clock = [1_200_000.0 + start]
        for place in ("api.rates.time.time", "limits.storage.memory.time.time"):
            patch.setattr(place, lambda: clock[0])
        rates = Rates({"reads": "10/minute"})

        def wait(cost: int) -> int:
            try:
                rates.spend("reads", "ann", cost)
            except RateError as error:
                return error.retry_after
            return 0

        for pause, amount in spent:
            clock[0] += pause
            wait(amount)
        told = wait(cost)
        if told:
            assert told <= 120
            early = max(told - 2, 0)
            clock[0] += early
            refused = wait(cost)
            assert refused or told <= 2, "not two seconds too long"
            clock[0] += told - early
            assert wait(cost) == 0 or not refused


def test_a_storage_that_does_not_answer_shuts_nobody_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> bool:
        raise StorageError(ConnectionError("redis://user:secret@host"))

    monkeypatch.setattr(Counters, "acquire_sliding_window_entry", broken)
    rates = Rates({"reads": "1/hour"})
    with caplog.at_level(logging.ERROR, "shoal.rates"):
        assert [rates.spend("reads", "ann") for _ in range(3)] == [None, None, None]
    assert len(caplog.records) == 1, "said once a minute"
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SHOAL_RATE_READS", "many", "SHOAL_RATE_READS: 'many' is no rate"),
        ("SHOAL_RATE_WRITES", "", "SHOAL_RATE_WRITES"),
        ("SHOAL_RATE_STORAGE", "file://user:secret@x", "SHOAL_RATE_STORAGE: unknown storage scheme"),
        ("SHOAL_TRUSTED_PROXIES", "proxy.example", "SHOAL_TRUSTED_PROXIES"),
    ],
)
def test_faulty_settings_are_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said) as error:
        create_app(create_engine("sqlite://"))
    assert "secret" not in str(error.value)
