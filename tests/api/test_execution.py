"""Carrying actions out: every target exactly once, through errors at every statement and a killed process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from apikit import Platform, banned_network
from sqlalchemy import Engine, event, func, select

from api import actions, execution, reviews
from api.audit import verify_chain
from api.clock import now
from api.publish import publish
from api.rules import Policy
from api.store import open_store, reading, writing
from api.tables import audit, network_actions, outbox, penalties, reversals, targets


class CrashError(Exception):
    """The process died here."""


@contextmanager
def crash_at(engine: Engine, statement: int) -> Iterator[None]:
    """Die at the nth statement or commit from here on."""
    left = [statement]

    def count(*_arguments: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise CrashError

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", count)
        event.remove(engine, "commit", count)


def approved_action(engine: Engine, network_id: str = "n1", action: str = "ban") -> str:
    """An action brought to `approved` by direct calls."""
    at = now()
    with writing(engine) as tx:
        action_id = actions.propose(tx, network_id=network_id, action=action, reason="farm", proposer="ann", at=at)
    with writing(engine) as tx:
        digest = actions.preview(tx, action_id, actor="ann", at=at)
    with writing(engine) as tx:
        for account_id in actions.find(tx, action_id).sample:
            reviews.record(
                tx,
                reviewer="rob",
                account_id=account_id,
                decision="registered_by_tool",
                reason="looked",
                action_id=action_id,
                at=at,
            )
    for approver in ("bea", "cid"):
        with writing(engine) as tx:
            if actions.find(tx, action_id).state == "previewed":
                actions.approve(tx, action_id, digest=digest, approver=approver, at=at)
    return action_id


def begin(engine: Engine, action_id: str, what: str) -> None:
    with writing(engine) as tx:
        if what == "execute":
            actions.execute(tx, action_id, actor="bea", at=now())
        else:
            actions.reverse(tx, action_id, actor="bea", reason="trial", at=now())


def counted(engine: Engine, action_id: str) -> dict[str, Any]:
    """What is left behind by an action, per kind."""
    with reading(engine) as tx:
        mine = select(penalties.c.penalty_id).where(penalties.c.action_id == action_id)
        sent = [r.payload for r in tx.execute(select(outbox.c.payload).where(outbox.c.kind == "enforcement"))]
        logged = tx.execute(select(audit.c.event, func.count()).group_by(audit.c.event)).all()
        return {
            "penalties": len(tx.execute(mine).all()),
            "reversals": len(tx.execute(select(reversals).where(reversals.c.penalty_id.in_(mine))).all()),
            "sent": Counter((e["type"], e["account_id"]) for e in sent if e["action_id"] == action_id),
            "logged": {name: n for name, n in logged if name.startswith("penalty.")},
            "states": actions.counts_by_state(tx, action_id),
            "state": actions.find(tx, action_id).state,
        }


@pytest.mark.parametrize("batch", [1, 3])
def test_dying_at_any_statement_loses_and_repeats_nothing(
    engine: Engine, platform: Platform, policy: Policy, batch: int
) -> None:
    publish(banned_network(platform, 7), platform.place.log, engine, policy=policy, actor="test")
    action_id = approved_action(engine)
    for what, event_name in (("execute", "penalty.applied"), ("reverse", "penalty.reversed")):
        begin(engine, action_id, what)
        crashes = 0
        while True:
            try:
                with crash_at(engine, crashes + 1):
                    execution.carry_on(engine, action_id, batch=batch)
                break
            except CrashError:
                crashes += 1
        assert crashes >= 12, "every statement of a batch was a crash point once"
        found = counted(engine, action_id)
        assert found["state"] == {"execute": "executed", "reverse": "reversed"}[what]
        assert {n for (t, _), n in found["sent"].items() if t == event_name} == {1}
        assert sum(1 for t, _ in found["sent"] if t == event_name) == 7
        assert found["logged"][event_name] == 7
    assert found["penalties"] == found["reversals"] == 7
    verify_chain(engine)


def test_several_processes_may_carry_on_the_same_action(store_url: str, platform: Platform, policy: Policy) -> None:
    from concurrent.futures import ThreadPoolExecutor

    engines = [open_store(platform.place.root, store_url) for _ in range(4)]
    publish(banned_network(platform, 30), platform.place.log, engines[0], policy=policy, actor="test")
    action_id = approved_action(engines[0])
    begin(engines[0], action_id, "execute")
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda e: execution.carry_on(e, action_id, batch=2), engines))
    assert states == ["executed"] * 4
    found = counted(engines[0], action_id)
    assert (found["penalties"], found["logged"]["penalty.applied"], len(found["sent"])) == (30, 30, 30)
    verify_chain(engines[0])
    for engine in engines:
        engine.dispose()


def test_reversal_leaves_what_a_later_action_holds(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform, 5), platform.place.log, engine, policy=policy, actor="test")
    first = approved_action(engine, action="restrict")
    begin(engine, first, "execute")
    execution.carry_on(engine, first)
    second = approved_action(engine, action="ban")
    begin(engine, second, "execute")
    execution.carry_on(engine, second)
    begin(engine, first, "reverse")
    assert execution.carry_on(engine, first) == "reversed"
    assert counted(engine, first)["states"] == {"superseded": 5}
    begin(engine, second, "reverse")
    execution.carry_on(engine, second)
    assert counted(engine, second)["states"] == {"reversed": 5}


def test_reversing_the_stronger_restores_the_weaker(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform, 5), platform.place.log, engine, policy=policy, actor="test")
    for action in ("restrict", "ban"):
        action_id = approved_action(engine, action=action)
        begin(engine, action_id, "execute")
        execution.carry_on(engine, action_id)
    begin(engine, action_id, "reverse")
    execution.carry_on(engine, action_id)
    with reading(engine) as tx:
        told = select(outbox.c.payload).where(outbox.c.kind == "enforcement").order_by(outbox.c.seq.desc())
        sent = tx.execute(told.limit(1)).scalar_one()
    assert (sent["type"], sent["tier"], sent["effective"]) == ("penalty.reversed", "ban", "restrict")


def test_a_member_found_genuine_while_it_runs_is_spared(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform, 6), platform.place.log, engine, policy=policy, actor="test")
    action_id = approved_action(engine)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=2)
    with writing(engine) as tx:
        reviews.record(
            tx,
            reviewer="tom",
            account_id="bot-n1-0005",
            decision="genuine",
            reason="I know them",
            action_id=None,
            at=now(),
        )
    assert execution.carry_on(engine, action_id) == "partially_executed"
    with reading(engine) as tx:
        row = tx.execute(select(targets).where(targets.c.account_id == "bot-n1-0005")).one()
    assert (row.state, row.guard) == ("skipped", "its own verdict is none: it was found genuine")
    assert counted(engine, action_id)["penalties"] == 5


def test_what_is_done_is_never_more_than_what_was_approved(engine: Engine, platform: Platform, policy: Policy) -> None:
    """Members who join between approval and execution are not acted on: the action is stale instead."""
    publish(banned_network(platform, 5), platform.place.log, engine, policy=policy, actor="test")
    action_id = approved_action(engine)
    more = [f"bot-n1-{i:04d}" for i in range(5)] + ["newcomer"]
    publish(platform.run({"n1": more}), platform.place.log, engine, policy=policy, actor="test")
    with pytest.raises(actions.DriftError, match="1 members"), writing(engine) as tx:
        actions.execute(tx, action_id, actor="bea", at=now())
    with reading(engine) as tx:
        assert tx.execute(select(network_actions.c.state)).scalar_one() == "approved"
