"""The worker: decisions become labels, penalties reach the feed file, each once through crashes in between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from apikit import Platform, banned_network
from sqlalchemy import Engine, select, update
from test_execution import CrashError, approved_action, begin, crash_at

from api import execution, reviews, worker
from api.clock import now
from api.publish import publish
from api.rules import Policy
from api.store import reading, writing
from api.tables import outbox, targets
from graph.errors import IntegrityError


def review(engine: Engine, account_id: str, decision: str, reviewer: str = "rob") -> None:
    with writing(engine) as tx:
        reviews.record(
            tx, reviewer=reviewer, account_id=account_id, decision=decision, reason="saw", action_id=None, at=now()
        )


def labels(platform: Platform) -> list[tuple[str, str, str]]:
    connection = platform.place.log.connect()
    try:
        return connection.execute('SELECT account_id, label, source FROM labels ORDER BY "at", label_id').fetchall()
    finally:
        connection.close()


def test_decisions_become_labels_once_and_an_overturn_is_a_new_row(engine: Engine, platform: Platform) -> None:
    review(engine, "a", "whole_history_ai")
    review(engine, "b", "unsure")
    assert worker.once(engine, platform.place).labels == 1
    review(engine, "a", "genuine")
    assert worker.once(engine, platform.place).labels == 1
    assert worker.once(engine, platform.place).idle
    assert labels(platform) == [("a", "whole_history_ai", "review"), ("a", "genuine", "review")]


def test_labels_delivered_before_a_crash_are_not_appended_again(engine: Engine, platform: Platform) -> None:
    for name in "abc":
        review(engine, name, "ai_hosted")
    worker.deliver_labels(engine, platform.place)
    with writing(engine) as tx:  # as if the process had died between the log and the outbox, and more had come since
        tx.execute(update(outbox).values(delivered_at=None))
    review(engine, "d", "ai_hosted")
    assert worker.deliver_labels(engine, platform.place) == 4
    assert sorted(label[0] for label in labels(platform)) == ["a", "b", "c", "d"]


def test_labels_wait_while_another_process_writes_the_log(engine: Engine, platform: Platform) -> None:
    review(engine, "a", "ai_hosted")
    with platform.place.writing():
        done = worker.once(engine, platform.place)
    assert "another shoal" in (done.waiting or "")
    assert worker.once(engine, platform.place).labels == 1


def executed(engine: Engine, platform: Platform, policy: Policy, size: int = 6) -> str:
    publish(banned_network(platform, size), platform.place.log, engine, policy=policy, actor="test")
    action_id = approved_action(engine)
    begin(engine, action_id, "execute")
    execution.carry_on(engine, action_id)
    return action_id


def bans(platform: Platform) -> list[tuple[str, str, str]]:
    connection = platform.place.log.connect()
    try:
        return connection.execute("SELECT account_id, network_id, what FROM bans ORDER BY account_id, what").fetchall()
    finally:
        connection.close()


def test_a_ban_reaches_the_event_log_once_and_its_reversal_withdraws_it(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    action_id = executed(engine, platform, policy)
    assert worker.once(engine, platform.place).bans == 6
    names = [f"bot-n1-{i:04d}" for i in range(6)]
    assert bans(platform) == [(name, "n1", "imposed") for name in names]
    with writing(engine) as tx:  # as if the process had died between the log and the outbox
        tx.execute(update(outbox).where(outbox.c.kind == "ban").values(delivered_at=None))
    begin(engine, action_id, "reverse")
    done = worker.once(engine, platform.place)
    assert (done.actions, done.bans) == (1, 12)
    assert bans(platform) == [(name, "n1", what) for name in names for what in ("imposed", "lifted")]
    assert worker.once(engine, platform.place).idle
    assert {label for _, label, _ in labels(platform)} == {"registered_by_tool"}, "a ban is not a label to learn from"


def test_a_milder_penalty_is_no_ban(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    action_id = approved_action(engine, action="restrict")
    begin(engine, action_id, "execute")
    assert worker.once(engine, platform.place).bans == 0
    begin(engine, action_id, "reverse")
    assert worker.once(engine, platform.place).bans == 0
    assert bans(platform) == []


def lines(feed: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in feed.read_text().splitlines()]


def test_the_feed_file_has_each_event_once_whatever_dies(engine: Engine, platform: Platform, policy: Policy) -> None:
    executed(engine, platform, policy)
    feed = platform.place.root / "feed.jsonl"
    for statement in range(1, 20):
        try:
            with crash_at(engine, statement):
                worker.deliver_events(engine, feed)
            break
        except CrashError:
            continue
    with reading(engine) as tx:
        sent = list(tx.execute(select(outbox.c.seq).where(outbox.c.kind == "enforcement").order_by("seq")).scalars())
        assert set(tx.execute(select(targets.c.state)).scalars()) == {"confirmed"}
    assert statement > 3
    assert lines(feed) == sent


def test_a_half_written_line_is_mended(engine: Engine, platform: Platform, policy: Policy) -> None:
    executed(engine, platform, policy)
    feed = platform.place.root / "feed.jsonl"
    worker.deliver_events(engine, feed)
    whole = feed.read_bytes()
    with writing(engine) as tx:
        tx.execute(update(outbox).values(delivered_at=None))
    for cut in (1, 50, len(whole) // 2, len(whole) - 1):
        feed.write_bytes(whole[:cut])
        worker.deliver_events(engine, feed)
        assert feed.read_bytes() == whole
        with writing(engine) as tx:
            tx.execute(update(outbox).values(delivered_at=None))


def test_a_feed_file_that_is_something_else_is_not_written_to(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    executed(engine, platform, policy)
    feed = platform.place.root / "feed.jsonl"
    feed.write_text("my shopping list\n")
    with pytest.raises(IntegrityError, match=r"feed\.jsonl"):
        worker.deliver_events(engine, feed)
    assert feed.read_text() == "my shopping list\n"


def test_it_carries_on_what_a_crash_left(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform, 5), platform.place.log, engine, policy=policy, actor="test")
    action_id = approved_action(engine)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=2)
    done = worker.once(engine, platform.place)
    assert (done.actions, done.events, done.labels) == (1, 5, 5)
    assert execution.under_way(engine) == []
