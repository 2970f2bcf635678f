"""`shoal forget` over all stores of one data folder (Neo4j has its own test, in tests/graph/test_log.py)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from apikit import Platform, banned_network
from click.testing import CliRunner, Result
from sqlalchemy import insert

from api.audit import verify_chain
from api.forgetting import record_retention
from api.publish import publish
from api.rules import Policy
from api.store import open_store, writing
from api.tables import network_actions, penalties, reversals
from graph.forgetting import begin, left, wish_for
from graph.verify import verify
from shoal import cli

BOT = "bot-n1-0003"


@pytest.fixture
def kept(platform: Platform, policy: Policy, sqlite_template: Path) -> Platform:
    """A published run, a log, a reject file, and a decision store in the data folder with a ban of one account."""
    run = banned_network(platform)
    platform.place.runs.make_current(run)
    shutil.copy(sqlite_template, platform.place.decisions)
    engine = open_store(platform.place.root)
    publish(run, platform.place.log, engine, policy=policy, actor="test")
    with writing(engine) as tx:
        action = {"action_id": "na-1", "network_id": "n1", "action": "ban", "reason": "x", "state": "executed"}
        tx.execute(insert(network_actions).values(**action, proposer="ann", proposed_at=1, updated_at=1))
        mine = {"penalty_id": "pn-" + "1" * 32, "notice_id": "nt-" + "1" * 32, "account_id": BOT, "action_id": "na-1"}
        tx.execute(insert(penalties).values(**mine, tier="ban", applied_at=1))
    engine.dispose()
    return platform


def forget(platform: Platform, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["forget", *arguments, "--dir", str(platform.place.root)], catch_exceptions=False)


def named(platform: Platform) -> list[str]:
    """Files of the data folder that hold the name; Parquet's dictionaries hold it as it stands if not compressed."""
    with platform.place.log.connect() as connection:
        rows = [repr(row) for t in ("accounts", "labels", "bans") for row in connection.execute(f"FROM {t}").fetchall()]
    found = ["log"] if BOT in " ".join(rows) else []
    for run in platform.place.runs.all():
        tables = [run.table(name) for name in ("clusters", "behaviour", "evidence")]
        found += [run.run_id] if BOT in " ".join(repr(t.to_pylist()) for t in tables) else []
    return found + (["decisions"] if BOT.encode() in platform.place.decisions.read_bytes() else [])


def test_it_says_first_and_does_it_when_told(kept: Platform) -> None:
    run_id = kept.place.runs.current().run_id
    before = named(kept)
    assert before == ["log", run_id, "decisions"]
    said = forget(kept, "--account", BOT)
    assert said.exit_code == 0
    assert "event log: 1 rows of accounts\n" in said.output
    assert f"runs that lose rows: {run_id}\n" in said.output
    assert f"decisions keep the name of {BOT} for now: a ban is in force against it until it is reversed" in said.output
    assert said.output.endswith("Nothing is removed yet: --yes does it. It cannot be taken back.\n")
    assert named(kept) == before
    said = forget(kept, "--account", BOT, "--yes")
    assert f"forgotten, but decisions keep the name of {BOT}: a ban is in force" in said.output
    assert named(kept) == ["decisions"]
    engine = open_store(kept.place.root)
    with writing(engine) as tx:
        tx.execute(insert(reversals).values(penalty_id="pn-" + "1" * 32, actor="ann", at=2))
    assert f"decisions about {BOT} stay, under a pseudonym" in forget(kept, "--account", BOT, "--yes").output
    assert named(kept) == []
    assert verify_chain(engine) >= 2
    engine.dispose()
    found = verify(kept.place.log, kept.place.runs)
    assert (found.damaged, found.left_over) == ([], [])


def test_the_next_call_finishes_what_was_killed(kept: Platform) -> None:
    with kept.place.writing():
        begin(kept.place, wish_for(["bot-n1-0005"], None))
    said = forget(kept)
    assert "finishing what an earlier call began" in said.output
    assert left(kept.place) is None
    with kept.place.log.connect() as connection:
        assert connection.execute("SELECT count(*) FROM accounts WHERE account_id = 'bot-n1-0005'").fetchall() == [(0,)]
    assert "say what" in forget(kept).output


def test_a_run_that_rests_on_old_events_goes(kept: Platform) -> None:
    said = forget(kept, "--before", "2026-09-20")
    assert "the current run is among those that go whole" in said.output
    assert forget(kept, "--before", "2026-09-20", "--yes").exit_code == 0
    assert (kept.place.runs.all(), kept.place.runs.current_id()) == ([], None)
    engine = open_store(kept.place.root)
    record_retention(engine, 1, "again")
    assert verify_chain(engine) >= 3
    engine.dispose()
