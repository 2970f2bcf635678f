"""A network action on very many accounts, whose worker is killed again and again: each target once, both ways."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from apikit import NO_BRAKES, Platform, banned_network, changed_policy
from sqlalchemy import Engine, select
from test_execution import approved_action, begin, counted

from api import actions
from api.audit import verify_chain
from api.clock import now
from api.outbox import ENFORCEMENT
from api.penalties import in_force
from api.policy import rank
from api.publish import publish
from api.store import reading
from api.tables import outbox, penalties

ROOT = Path(__file__).parents[2]
SIZES = {"sqlite": 10_000, "postgresql": 2_000}  # bench/actions.py does a hundred thousand
KILLS = 3


def test_a_large_action_survives_three_kills_and_is_taken_back(
    engine: Engine, store_url: str, platform: Platform
) -> None:
    """The command `shoal worker`, killed three times while it executes and once while it reverses."""
    size = int(os.environ.get("SHOAL_TEST_TARGETS", SIZES[engine.dialect.name]))
    run = banned_network(platform, size)
    publish(run, platform.place.log, engine, policy=changed_policy(*NO_BRAKES), actor="test")
    action_id = approved_action(engine)
    environment = {**os.environ, "SHOAL_DATABASE_URL": store_url, "SHOAL_DIR": str(platform.place.root)}
    for what, kills, ended in (("execute", KILLS, "executed"), ("reverse", 1, "reversed")):
        begin(engine, action_id, what)
        for _ in range(kills):
            kill_midway(environment, lambda: tally(engine, action_id))
            assert state_of(engine, action_id) != ended, "it was done before it could be killed"
        line = [sys.executable, "-m", "shoal", "worker", "--once"]
        done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        found = counted(engine, action_id)
        assert (found["state"], found["states"]) == (ended, {"confirmed" if what == "execute" else "reversed": size})
        assert played_back(engine) == in_the_store(engine), "the feed tells what is in force"
        assert len(played_back(engine)) == (size if what == "execute" else 0)
    assert (found["penalties"], found["reversals"]) == (size, size)
    assert found["logged"] == {"penalty.applied": size, "penalty.reversed": size}
    assert len(found["sent"]) == 2 * size
    assert set(found["sent"].values()) == {1}
    assert tally(engine, action_id) == found["states"]
    assert len((platform.place.root / "feed.jsonl").read_text().splitlines()) == 2 * size
    verify_chain(engine)


def tally(engine: Engine, action_id: str) -> dict[str, int]:
    with reading(engine) as tx:
        return dict(actions.find(tx, action_id).tally)


def state_of(engine: Engine, action_id: str) -> str:
    with reading(engine) as tx:
        return str(actions.find(tx, action_id).state)


def kill_midway(environment: dict[str, str], looked: Callable[[], object]) -> None:
    """Start a worker and kill it after its first batch, in whatever it is doing then."""
    before = looked()
    line = [sys.executable, "-m", "shoal", "worker"]
    process = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=subprocess.PIPE)
    while looked() == before and process.poll() is None:
        time.sleep(0.005)
    assert process.poll() is None, "the worker ended by itself"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert looked() != before


def played_back(engine: Engine) -> dict[str, str]:
    """What a platform has in force that did as the feed told it, in order."""
    by_account: dict[str, dict[str, str]] = {}
    with reading(engine) as tx:
        told = select(outbox.c.payload).where(outbox.c.kind == ENFORCEMENT).order_by(outbox.c.seq)
        for event in tx.execute(told).scalars():
            mine = by_account.setdefault(event["account_id"], {})
            if event["type"] == "penalty.applied":
                mine[event["penalty_id"]] = event["tier"]
            else:
                del mine[event["penalty_id"]]
            assert event["effective"] == max(mine.values(), key=rank, default="none")
    return {name: max(mine.values(), key=rank) for name, mine in by_account.items() if mine}


def in_the_store(engine: Engine) -> dict[str, str]:
    with reading(engine) as tx:
        held = in_force(tx, penalties.c.tier.is_not(None), now())
    return {name: effective.tier for name, effective in held.items()}
