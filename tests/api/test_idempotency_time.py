"""How long an Idempotency-Key is remembered, and that forgetting it harms nothing that runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from apikit import Platform
from sqlalchemy import Connection, Engine, func, insert, select

from api import idempotency as room
from api import worker
from api.idempotency import DAY, Answer, InFlight, InFlightError, KeyMissingError, once, purge
from api.store import reading, writing
from api.tables import idempotency, kill_switch
from graph.errors import InputError

NOW = 1_800_000_000_000_000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the time that answers are kept by."""

    def at(moment: int) -> None:
        monkeypatch.setattr(room, "clock", lambda: moment)

    at(NOW)
    return at


def effect(tx: Connection, at: int) -> Answer:
    """Something whose number of times can be counted."""
    turn = tx.execute(select(func.count()).select_from(kill_switch)).scalar_one() + 1
    tx.execute(insert(kill_switch).values(turn=turn, state="set", actor="ann", reason="x", at=at))
    return Answer(200, {"turn": turn})


def send(engine: Engine, key: str | None = "k", body: int = 1, days: int = 7) -> Answer:
    return once(engine, InFlight(), caller="ann", key=key, request={"body": body}, effect=effect, days=days)


def kept(engine: Engine) -> int:
    with reading(engine) as tx:
        return int(tx.execute(select(func.count()).select_from(idempotency)).scalar_one())


def test_a_key_is_remembered_for_its_time(engine: Engine, clock: Callable[[int], None]) -> None:
    assert send(engine).body == {"turn": 1}
    clock(NOW + 7 * DAY)
    again = send(engine)
    assert (again.body, again.replayed) == ({"turn": 1}, True)
    with pytest.raises(InputError, match="another request"):
        send(engine, body=2)
    clock(NOW + 7 * DAY + 1)
    new = send(engine, body=2)
    assert (new.body, new.replayed) == ({"turn": 2}, False)
    assert send(engine, body=2).replayed, "and remembered anew"
    assert kept(engine) == 1


def test_an_effect_that_fails_keeps_the_old_answer(engine: Engine, clock: Callable[[int], None]) -> None:
    send(engine)
    clock(NOW + 8 * DAY)

    def fails(_tx: Connection, _at: int) -> Answer:
        raise InputError("no")

    with pytest.raises(InputError, match="no"):
        once(engine, InFlight(), caller="ann", key="k", request={"body": 2}, effect=fails)
    assert kept(engine) == 1, "undone with the transaction"


@pytest.mark.parametrize("key", [None, "", "x" * 256, "a\x00", "a\nb"])
def test_a_key_is_wanted(engine: Engine, key: str | None) -> None:
    with pytest.raises(KeyMissingError):
        send(engine, key)
    assert kept(engine) == 0


def test_a_key_in_use_is_in_flight_and_free_after_a_failure(engine: Engine) -> None:
    flying = InFlight()
    with pytest.raises(InFlightError), flying.claim("ann", "k"):
        once(engine, flying, caller="ann", key="k", request={}, effect=effect)
    with flying.claim("bea", "k"):
        assert once(engine, flying, caller="ann", key="k", request={}, effect=effect).status == 200


def test_purging_deletes_what_is_old_and_nothing_else(engine: Engine, clock: Callable[[int], None]) -> None:
    for n in range(5):
        clock(NOW + n * DAY)
        send(engine, f"k{n}", n)
    clock(NOW + 9 * DAY)
    assert purge(engine, 7) == 2
    assert kept(engine) == 3
    assert purge(engine, 7) == 0
    assert send(engine, "k2", 2).replayed


def test_purging_goes_page_by_page(
    engine: Engine, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "PAGE", 2)
    for n in range(5):
        send(engine, f"k{n}", n)
    clock(NOW + 30 * DAY)
    assert [purge(engine, 7) for _ in range(4)] == [2, 2, 1, 0]


def test_the_worker_purges(
    engine: Engine, platform: Platform, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOAL_IDEMPOTENCY_DAYS", "30")
    monkeypatch.setattr(room, "PAGE", 2)
    for n in range(5):
        send(engine, f"k{n}", n)
    clock(NOW + 30 * DAY)
    worker.once(engine, platform.place)
    assert kept(engine) == 5
    clock(NOW + 30 * DAY + 1)
    worker.once(engine, platform.place)
    assert kept(engine) == 0


def test_nothing_happens_twice_while_others_purge(engine: Engine, clock: Callable[[int], None]) -> None:
    """Requests of now under keys of long ago, from several processes, while a worker deletes."""
    for n in range(6):
        send(engine, f"k{n}", n)
    clock(NOW + 8 * DAY)
    with writing(engine) as tx:
        before = tx.execute(select(func.count()).select_from(kill_switch)).scalar_one()

    def one(i: int) -> int:
        return purge(engine, 7) if i % 4 == 0 else send(engine, f"k{i % 6}", 100 + i % 6).status

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(60)))
    keys = {i % 6 for i in range(60) if i % 4}
    with reading(engine) as tx:
        after = tx.execute(select(func.count()).select_from(kill_switch)).scalar_one()
    assert after - before == len(keys)
