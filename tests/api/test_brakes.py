"""What stops an action, and who lets it go on: canary, caps, breaker, kill switch. Schedules; single reversals."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from apikit import (
    HOUR,
    NO_BRAKES,
    Caller,
    People,
    Platform,
    approved,
    banned_network,
    changed_policy,
    previewed,
    proposed,
    sample_reviewed,
    served,
    state_of,
)
from click.testing import CliRunner
from sqlalchemy import Engine, event, func, select, text
from test_action_flow import wait_for
from test_execution import approved_action, begin, counted

from api import actions, brakes, demo, execution, judging, reviews, sampling, switch
from api.audit import verify_chain
from api.cli import COMMANDS
from api.client import Client
from api.clock import now
from api.publish import publish
from api.rules import load, parse
from api.store import MIGRATIONS, open_store, reading, upgrade, writing
from api.tables import audit, batches, network_actions, penalties, targets
from api.tables import reviews as reviews_table
from graph.errors import ConflictError, DeniedError, ShoalError

CANARY = (("canary_above: 100", "canary_above: 6"), ("canary_min: 20", "canary_min: 3"))


def ready(engine: Engine, platform: Platform, *changes: tuple[str, str], size: int = 8) -> str:
    """An approved ban of a published network of bots, under the shipped policy with some lines changed."""
    publish(banned_network(platform, size), platform.place.log, engine, policy=changed_policy(*changes), actor="test")
    return approved_action(engine)


def do(engine: Engine, what: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """One change in a transaction of its own, now unless `at` says when."""
    with writing(engine) as tx:
        return what(tx, *arguments, **{"at": now(), **named})


def row_of(engine: Engine, action_id: str) -> Any:
    with reading(engine) as tx:
        return actions.find(tx, action_id)


def genuine(engine: Engine, account_id: str, who: str = "tom") -> None:
    said = {"reviewer": who, "account_id": account_id, "decision": "genuine", "reason": "known", "action_id": None}
    do(engine, reviews.record, **said)


def applied_to(engine: Engine, action_id: str) -> list[str]:
    with reading(engine) as tx:
        mine = select(penalties.c.account_id).where(penalties.c.action_id == action_id)
        return list(tx.execute(mine.order_by(penalties.c.account_id)).scalars())


# canary


def test_an_action_holds_after_its_canary_until_its_time_is_over(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform, *CANARY)
    begin(engine, action_id, "execute")
    assert execution.carry_on(engine, action_id, batch=2) == "paused"
    held = row_of(engine, action_id)
    assert (held.held_for, held.tally) == ("canary", {"applied": 3, "pending": 5})
    with reading(engine) as tx:
        first = select(targets.c.account_id).where(targets.c.turn == 0)
        drawn = sorted(tx.execute(first).scalars())
        members = list(tx.execute(select(targets.c.account_id)).scalars())
    assert applied_to(engine, action_id) == drawn
    assert drawn == sampling.draw_canary(action_id, members, 3), "by lot, not by name"
    assert execution.carry_on(engine, action_id) == "paused", "nothing goes on by itself"
    with pytest.raises(ConflictError, match="holds until"):
        do(engine, actions.resume, action_id, actor="bea", reason="fine")
    with pytest.raises(ConflictError, match="holds until"):
        do(engine, actions.resume, action_id, actor="bea", reason="fine", at=now() + 23 * HOUR)
    do(engine, actions.resume, action_id, actor="bea", reason="nobody complained", at=now() + 25 * HOUR)
    assert execution.carry_on(engine, action_id) == "executed"
    assert len(applied_to(engine, action_id)) == 8


@pytest.mark.parametrize("who", ["ann", "bea", "cid"])
def test_only_a_second_person_ends_a_canary_early(engine: Engine, platform: Platform, who: str) -> None:
    action_id = ready(engine, platform, *CANARY)
    begin(engine, action_id, "execute")
    execution.carry_on(engine, action_id)
    if who == "cid":
        do(engine, actions.resume, action_id, actor=who, reason="spam wave", override=True)
        assert execution.carry_on(engine, action_id) == "executed"
    else:
        with pytest.raises(DeniedError, match="second person"):
            do(engine, actions.resume, action_id, actor=who, reason="spam wave", override=True)
        assert execution.carry_on(engine, action_id) == "paused"


def test_a_pause_within_the_canary_does_not_end_it(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform, *CANARY)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=1)
    do(engine, actions.pause, action_id, actor="bea", reason="a question")
    do(engine, actions.resume, action_id, actor="bea", reason="answered")
    assert execution.carry_on(engine, action_id, batch=1) == "paused"
    assert (row_of(engine, action_id).held_for, len(applied_to(engine, action_id))) == ("canary", 3)


def test_the_canary_is_another_lot_than_the_sample() -> None:
    rules, names = load().actions, [f"a{i}" for i in range(1_000)]
    sample = sampling.draw("na-1", "ban", iter(names), rules)
    canary = sampling.draw_canary("na-1", iter(reversed(names)), 50)
    assert canary == sorted(canary) == sampling.draw_canary("na-1", names, 50)
    assert not {*sample} <= {*canary}
    sizes = {n: sampling.canary_size(n, rules) for n in (100, 101, 1_000, 100_000)}
    assert sizes == {100: 0, 101: 20, 1_000: 50, 100_000: 5_000}


# pause, cancel, reverse


@pytest.mark.parametrize("how", ["cancel", "reverse", "reverse while executing"])
def test_what_was_applied_before_an_end_is_reversed_exactly(engine: Engine, platform: Platform, how: str) -> None:
    action_id = ready(engine, platform)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=3)
    if how != "reverse while executing":
        do(engine, actions.pause, action_id, actor="bea", reason="wait")
        assert execution.step(engine, action_id) == "paused"
    if how == "cancel":
        do(engine, actions.mark, action_id, "cancelled", actor="ann", why="wrong network")
        assert counted(engine, action_id)["states"] == {"applied": 3, "skipped": 5}
    begin(engine, action_id, "reverse")
    assert execution.carry_on(engine, action_id) == "reversed"
    left = counted(engine, action_id)
    assert (left["penalties"], left["reversals"]) == (3, 3)
    assert left["states"] == row_of(engine, action_id).tally == {"reversed": 3, "skipped": 5}
    verify_chain(engine)


def test_what_never_began_cannot_be_reversed(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform)
    do(engine, actions.mark, action_id, "cancelled", actor="ann", why="no")
    with pytest.raises(ConflictError, match="nothing to reverse"):
        begin(engine, action_id, "reverse")


# caps


@pytest.mark.parametrize("cap", ["per_action", "per_hour", "per_policy", "active_share"])
def test_at_a_cap_an_action_pauses_until_a_second_person_overrides(
    engine: Engine, platform: Platform, cap: str
) -> None:
    lines = {
        "per_action": ("per_action: 10000", "per_action: 5"),
        "per_hour": ("per_hour: 5000", "per_hour: 5"),
        "per_policy": ("per_policy: 100000", "per_policy: 5"),
        "active_share": ("active_least: 500", "active_least: 5"),
    }
    action_id = ready(engine, platform, lines[cap])
    begin(engine, action_id, "execute")
    assert execution.carry_on(engine, action_id, batch=3) == "paused"
    assert (row_of(engine, action_id).held_for, len(applied_to(engine, action_id))) == ("cap", 5)
    assert cap in row_of(engine, action_id).note
    with pytest.raises(ConflictError, match=f"{cap} is reached"):
        do(engine, actions.resume, action_id, actor="cid", reason="go on")
    given = {"cap": cap, "hours": 2, "reason": "spam wave"}
    for who in ("ann", "bea"):
        with pytest.raises(DeniedError, match="second person"):
            do(engine, actions.override, action_id, allowed=8, actor=who, **given)
    with pytest.raises(ConflictError, match="5 already"):
        do(engine, actions.override, action_id, allowed=5, actor="cid", **given)
    with pytest.raises(ConflictError, match="24 hours"):
        do(engine, actions.override, action_id, allowed=8, actor="cid", **{**given, "hours": 25})
    do(engine, actions.override, action_id, allowed=7, actor="cid", **given)
    do(engine, actions.resume, action_id, actor="bea", reason="go on")
    assert execution.carry_on(engine, action_id) == "paused"
    assert len(applied_to(engine, action_id)) == 7, "an override is a number"
    do(engine, actions.override, action_id, allowed=9, actor="cid", **{**given, "hours": 1})
    if cap != "per_hour":  # which has room again by then
        with pytest.raises(ConflictError, match="7 of 7"):
            do(engine, actions.resume, action_id, actor="bea", reason="go on", at=now() + HOUR + 60_000_000)
    do(engine, actions.resume, action_id, actor="bea", reason="go on")
    assert execution.carry_on(engine, action_id) == "executed"


def test_who_overrode_a_cap_and_then_executes_did_not_override_it(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform, ("per_action: 10000", "per_action: 5"))
    given = {"cap": "per_action", "allowed": 8, "hours": 1, "reason": "x"}
    do(engine, actions.override, action_id, actor="cid", **given)
    do(engine, actions.execute, action_id, actor="cid")
    assert execution.carry_on(engine, action_id) == "paused"
    assert len(applied_to(engine, action_id)) == 5
    do(engine, actions.override, action_id, actor="dan", **given)
    do(engine, actions.resume, action_id, actor="cid", reason="go on")
    assert execution.carry_on(engine, action_id) == "executed"


@pytest.mark.parametrize(
    ("line", "window"),
    [
        (("per_hour: 5000", "per_hour: 5"), HOUR),
        (("active_least: 500", "active_least: 5"), 24 * HOUR),
        (("per_policy: 100000", "per_policy: 5"), None),
    ],
)
def test_a_cap_has_room_again_when_its_time_is_over(
    engine: Engine, platform: Platform, line: tuple[str, str], window: int | None
) -> None:
    action_id = ready(engine, platform, line)
    begin(engine, action_id, "execute")
    execution.carry_on(engine, action_id)
    minute, later = HOUR // 60, now() + (window or 28 * 24 * HOUR)
    with pytest.raises(ConflictError, match="5 of 5"):
        do(engine, actions.resume, action_id, actor="bea", reason="go on", at=later - minute)
    if window is not None:
        do(engine, actions.resume, action_id, actor="bea", reason="go on", at=later + minute)
        assert execution.step(engine, action_id, now=later + minute) == "executing"
        assert len(applied_to(engine, action_id)) == 8


def test_a_cap_of_a_policy_counts_under_that_policy(engine: Engine, platform: Platform) -> None:
    """What another policy's actions did is not held against this one's."""
    action_id = ready(engine, platform, ("per_policy: 100000", "per_policy: 9"))
    begin(engine, action_id, "execute")
    execution.carry_on(engine, action_id)
    newer = changed_policy(("per_policy: 100000", "per_policy: 9"), ("verdict_days: 30", "verdict_days: 31"))
    publish(banned_network(platform, 8, "n2"), platform.place.log, engine, policy=newer, actor="test")
    second = approved_action(engine, "n2")
    begin(engine, second, "execute")
    assert execution.carry_on(engine, second) == "executed"


def test_the_share_is_of_the_accounts_active_in_the_window(engine: Engine, platform: Platform) -> None:
    action_id = ready(
        engine, platform, ("active_share: 0.01", "active_share: 0.5"), ("active_least: 500", "active_least: 1")
    )
    with reading(engine) as tx:
        context = judging.required(tx)
        assert brakes.active_accounts(tx, context) == 10
        limits = {c.name: c.limit for c in brakes.caps(tx, actions.find(tx, action_id), context, now())}
    assert limits == {"per_action": 10_000, "per_hour": 5_000, "per_policy": 100_000, "active_share": 5}


def test_caps_hold_where_many_execute_approve_and_override_at_once(
    store_url: str, engine: Engine, platform: Platform
) -> None:
    """Six processes' worth of engines and four actions; the hour's cap is 25, and 40 for one action."""
    names = {f"n{i}": [f"bot-n{i}-{j:02d}" for j in range(15)] for i in range(4)}
    everybody = [{"account_id": a, "registration_client": "hosting-tool-alpha"} for m in names.values() for a in m]
    platform.accounts(everybody)
    strict = changed_policy(("per_hour: 5000", "per_hour: 25"))
    publish(platform.run(names), platform.place.log, engine, policy=strict, actor="test")
    ids = [approved_action(engine, name) for name in names]
    engines = [open_store(platform.place.root, store_url) for _ in range(6)]

    def work(i: int) -> None:
        mine, action_id = engines[i % 6], ids[i % 4]
        for call in (
            lambda tx: actions.execute(tx, action_id, actor="bea", at=now()),
            lambda tx: actions.override(
                tx, ids[0], cap="per_hour", allowed=40, hours=1, reason="x", actor="cid", at=now()
            ),
            lambda tx: actions.resume(tx, action_id, actor="dan", reason="x", at=now()),
        ):
            try:
                with writing(mine) as tx:
                    call(tx)
            except ShoalError:
                pass
            for name in ids:
                execution.carry_on(mine, name, batch=4)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(12)))
    with reading(engine) as tx:
        made = tx.execute(select(penalties.c.action_id, penalties.c.applied_at)).all()
        begun = Counter(tx.execute(select(audit.c.subject).where(audit.c.event == "penalty.applied")).scalars())
    for action_id, at in set(made):
        before = sum(r.applied_at < at for r in made) + sum(r[:] == (action_id, at) for r in made)
        assert before <= (40 if action_id == ids[0] else 25)
    assert 25 <= len(made) <= 40
    assert begun == Counter(r.action_id for r in made)
    with reading(engine) as tx:
        assert tx.execute(select(func.sum(batches.c.applied))).scalar_one() == len(made)
    verify_chain(engine)
    for made_engine in engines:
        made_engine.dispose()


def test_two_servers_asked_the_same_at_once_do_it_once_and_within_the_caps(engine: Engine, platform: Platform) -> None:
    """Approve, execute, override and resume, each sent by eight threads to two servers that both carry out."""
    names = {f"n{i}": [f"bot-n{i}-{j}" for j in range(8)] for i in range(3)}
    everybody = [{"account_id": a, "registration_client": "hosting-tool-alpha"} for m in names.values() for a in m]
    platform.accounts(everybody)
    strict = changed_policy(("per_hour: 5000", "per_hour: 13"))
    publish(platform.run(names), platform.place.log, engine, policy=strict, actor="test")
    with served(engine) as people, served(engine) as second, ThreadPoolExecutor(8) as pool:

        def at_once(who: str, path: str, body: Any = None) -> list[int]:
            key = people(who).key
            callers = (Caller(people.http, key), Caller(second.http, key))
            sent = pool.map(lambda i: callers[i % 2].post(path, body, idem=f"{who} {path}"), range(8))
            return [a.status_code for a in sent if "idempotent-replayed" not in a.headers]

        done = []
        for network_id in names:
            action_id = proposed(people("ann"), network_id)
            seen = previewed(people("ann"), action_id)
            sample_reviewed(people("rob"), seen)
            path = f"/v1/network-actions/{action_id}"
            done.append(at_once("bea", f"{path}:approve", {"digest": seen["digest"]}).count(200))
            done.append(at_once("bea", f"{path}:execute").count(202))
        wait_until(lambda: len(penalties_made(engine)) == 13)
        more = {"cap": "per_hour", "targets": 16, "hours": 1, "reason": "spam wave"}
        done.append(at_once("cid", f"{path}:override", more).count(200))
        wait_until(lambda: state_of(people("ann"), action_id) == "paused")
        done.append(at_once("bea", f"{path}:resume", {"reason": "go on"}).count(202))
        wait_until(lambda: len(penalties_made(engine)) == 16)
        wait_until(lambda: state_of(people("ann"), action_id) == "paused")
    assert done == [1] * 8
    assert Counter(penalties_made(engine)).most_common(1)[0][1] == 1
    with reading(engine) as tx:
        logged = Counter(tx.execute(select(audit.c.event)).scalars())
    assert (logged["action.approved"], logged["cap.overridden"], logged["penalty.applied"]) == (3, 1, 16)
    verify_chain(engine)


def penalties_made(engine: Engine) -> list[tuple[str, str]]:
    with reading(engine) as tx:
        return [tuple(r) for r in tx.execute(select(penalties.c.action_id, penalties.c.account_id))]


def wait_until(so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if so():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


# breaker


@pytest.mark.parametrize("how", ["reviews", "reversals", "both"])
def test_a_rising_overturn_rate_halts_an_action(engine: Engine, platform: Platform, how: str) -> None:
    action_id = ready(engine, platform, size=12)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=6)
    hit = applied_to(engine, action_id)
    genuine(engine, "bot-n1-0011")
    for i, name in enumerate(hit[:3]):
        assert row_of(engine, action_id).state == "executing"
        if how == "reviews" or (how == "both" and i == 0):
            genuine(engine, name)
            genuine(engine, name, "sue")
        else:
            do(engine, execution.reverse_one, action_id, name, actor="bea", reason="a person")
        if how == "both" and i == 0:
            do(engine, execution.reverse_one, action_id, name, actor="bea", reason="a person")
    halted = row_of(engine, action_id)
    assert (halted.state, halted.held_for) == ("halted", "breaker")
    assert "3 of 6" in halted.note
    assert execution.carry_on(engine, action_id) == "halted"
    for who in ("ann", "bea"):
        with pytest.raises(DeniedError, match="second person"):
            do(engine, actions.resume, action_id, actor=who, reason="looked")
    do(engine, actions.resume, action_id, actor="cid", reason="looked at all of them")
    assert execution.step(engine, action_id, batch=2) == "executing", "what was looked at does not halt it again"
    for name in [n for n in applied_to(engine, action_id) if n not in hit[:3]][:3]:
        genuine(engine, name)
    assert row_of(engine, action_id).state == "halted", "more of the same does"


def test_few_overturns_of_many_do_not_halt(engine: Engine, platform: Platform) -> None:
    lax = ("breaker_share: 0.05", "breaker_share: 0.5")
    action_id = ready(engine, platform, lax, size=8)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=6)
    for name in applied_to(engine, action_id)[:3]:
        genuine(engine, name)
    assert row_of(engine, action_id).state == "executing", "3 of 6 are not more than half"
    genuine(engine, applied_to(engine, action_id)[3])
    assert row_of(engine, action_id).state == "halted"


def test_what_was_found_before_the_action_began_does_not_halt_it(engine: Engine, platform: Platform) -> None:
    """The reviewer took it back, and the action was approved knowing all that."""
    publish(banned_network(platform), platform.place.log, engine, policy=load(), actor="test")
    said = {"reviewer": "tom", "reason": "looked", "action_id": None}
    for i in range(4):
        genuine(engine, f"bot-n1-{i:04d}")
        do(engine, reviews.record, account_id=f"bot-n1-{i:04d}", decision="registered_by_tool", **said)
    action_id = approved_action(engine)
    begin(engine, action_id, "execute")
    assert execution.carry_on(engine, action_id, batch=3) == "executed"
    assert len(applied_to(engine, action_id)) == 8


def test_a_batch_asks_the_breaker_itself(engine: Engine, platform: Platform) -> None:
    """However the reviews came into the store."""
    action_id = ready(engine, platform)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=5)
    said = {"reviewer": "tom", "decision": "genuine", "reason": "x", "at": now()}
    with writing(engine) as tx:
        for name in applied_to(engine, action_id)[:3]:
            tx.execute(reviews_table.insert().values(review_id=f"rv-{name}", account_id=name, **said))
    assert execution.carry_on(engine, action_id) == "halted"
    assert len(applied_to(engine, action_id)) == 5


# kill switch


def test_the_kill_switch_stops_everything_but_reversals(engine: Engine, store_url: str, platform: Platform) -> None:
    """Set while two processes' worth of engines execute: not one penalty later than its transaction."""
    size = 1_000
    action_id = ready(engine, platform, *NO_BRAKES, size=size)
    assert row_of(engine, action_id).tally == {"pending": size}, "more than a page of members"
    begin(engine, action_id, "execute")
    engines = [open_store(platform.place.root, store_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        going = [pool.submit(execution.carry_on, e, action_id, batch=5) for e in engines]
        while len(applied_to(engine, action_id)) < 5:
            pass
        with writing(engine) as tx:
            assert switch.throw(tx, actor="eve", reason="wrong people", at=now()) == [action_id]
            done = tx.execute(select(func.count()).select_from(penalties)).scalar_one()
        assert [f.result() for f in going] == ["halted"] * 2
    assert 5 <= len(applied_to(engine, action_id)) == done < size
    with reading(engine) as tx:
        assert switch.standing(tx)["actor"] == "eve"
    with pytest.raises(ConflictError, match="kill switch is set by eve"):
        do(engine, actions.resume, action_id, actor="cid", reason="go on")
    other = approved_action(engine, action="warn")
    with pytest.raises(ConflictError, match="kill switch"):
        begin(engine, other, "execute")
    assert do(engine, switch.throw, actor="bea", reason="me too") == []
    begin(engine, action_id, "reverse")
    assert execution.carry_on(engine, action_id) == "reversed"
    with pytest.raises(DeniedError, match="another person"):
        do(engine, switch.lift, actor="eve", reason="found it")
    do(engine, switch.lift, actor="bea", reason="found it")
    with pytest.raises(ConflictError, match="not set"):
        do(engine, switch.lift, actor="bea", reason="again")
    begin(engine, approved_action(engine, action="warn"), "execute")
    for made in engines:
        made.dispose()


def test_a_batch_asks_the_switch_itself(engine: Engine, platform: Platform) -> None:
    """Whatever left an action executing: while the switch is set, it applies nothing."""
    action_id = ready(engine, platform)
    do(engine, switch.throw, actor="eve", reason="wait")
    with writing(engine) as tx:
        row = tx.execute(select(network_actions)).one()
        begun = {"state": "executing", "executor": "bea", "started_at": now()}
        tx.execute(network_actions.update().where(network_actions.c.action_id == row.action_id).values(**begun))
    assert execution.carry_on(engine, action_id) == "halted"
    assert applied_to(engine, action_id) == []


def test_what_the_switch_halted_is_resumed_by_a_second_person(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=3)
    do(engine, switch.throw, actor="bea", reason="wait")
    do(engine, switch.lift, actor="cid", reason="fine")
    assert execution.carry_on(engine, action_id) == "halted", "lifting resumes nothing"
    with pytest.raises(DeniedError, match="second person"):
        do(engine, actions.resume, action_id, actor="bea", reason="fine")
    do(engine, actions.resume, action_id, actor="cid", reason="fine")
    assert execution.carry_on(engine, action_id) == "executed"


@pytest.mark.parametrize("how", ["halted", "paused"])
def test_what_is_held_is_not_executed_again_instead(engine: Engine, platform: Platform, how: str) -> None:
    action_id = ready(engine, platform)
    begin(engine, action_id, "execute")
    if how == "paused":
        do(engine, actions.pause, action_id, actor="cid", reason="wait")
    else:
        do(engine, switch.throw, actor="bea", reason="wait")
        do(engine, switch.lift, actor="cid", reason="fine")
    for when in (None, now() + HOUR):
        with pytest.raises(ConflictError, match="it is resumed"):
            do(engine, actions.execute, action_id, actor="bea", execute_at=when)
    assert row_of(engine, action_id).state == how


def test_reversals_go_first(engine: Engine, platform: Platform) -> None:
    names = {name: [f"bot-{name}-{i}" for i in range(6)] for name in ("n1", "n2")}
    platform.accounts(
        [{"account_id": a, "registration_client": "hosting-tool-alpha"} for m in names.values() for a in m]
    )
    publish(platform.run(names), platform.place.log, engine, policy=load(), actor="test")
    older, newer = approved_action(engine, "n1"), approved_action(engine, "n2")
    begin(engine, newer, "execute")
    execution.carry_on(engine, newer)
    begin(engine, newer, "reverse")
    begin(engine, older, "execute")
    assert execution.under_way(engine) == [newer, older]
    assert execution.carry_all(engine, batch=2) == [newer, older]
    assert (row_of(engine, newer).state, row_of(engine, older).state) == ("reversed", "executed")


# schedules


def test_a_scheduled_action_begins_on_time_in_the_name_of_who_scheduled_it(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform)
    due = now() + HOUR
    do(engine, actions.execute, action_id, actor="bea", execute_at=due)
    assert execution.under_way(engine) == []
    assert execution.step(engine, action_id) == "scheduled"
    assert execution.under_way(engine, due) == [action_id]
    assert execution.step(engine, action_id, now=due) == "executing"
    assert execution.carry_on(engine, action_id) == "executed"
    with reading(engine) as tx:
        began = select(audit.c.actor).where(audit.c.event == "action.executing")
        assert tx.execute(began).scalar_one() == "bea"


@pytest.mark.parametrize("cause", ["drift", "switch before", "switch after"])
def test_a_scheduled_action_begins_only_if_nothing_stands_against_it(
    engine: Engine, platform: Platform, cause: str
) -> None:
    action_id = ready(engine, platform)
    due = now() + HOUR
    do(engine, actions.execute, action_id, actor="bea", execute_at=due)
    if cause == "drift":
        genuine(engine, "bot-n1-0003")
    elif cause == "switch before":
        do(engine, switch.throw, actor="eve", reason="wait")
        assert row_of(engine, action_id).state == "halted"
    else:
        with writing(engine) as tx:
            switch._record(tx, "set", "eve", "wait", now())
        execution.step(engine, action_id, now=due)
    assert execution.carry_on(engine, action_id) == "scheduled" if cause == "drift" else "halted"
    state = execution.step(engine, action_id, now=due)
    assert state == ("stale" if cause == "drift" else "halted")
    assert applied_to(engine, action_id) == []
    if cause != "drift":
        do(engine, switch.lift, actor="cid", reason="fine")
        genuine(engine, "bot-n1-0003")
        with pytest.raises(actions.DriftError):
            do(engine, actions.resume, action_id, actor="cid", reason="fine")


def test_schedules_over_http(engine: Engine, platform: Platform) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=load(), actor="test")
    with served(engine) as people:
        path = f"/v1/network-actions/{approved(people)}"
        bea = people("bea")
        soon = datetime.now(UTC) + timedelta(seconds=1.5)
        for wrong in (soon - timedelta(days=1), soon + timedelta(days=8), soon.replace(tzinfo=None), "tomorrow"):
            text = wrong if isinstance(wrong, str) else wrong.isoformat()
            assert bea.post(f"{path}:execute", {"execute_at": text}).status_code == 422
        later = bea.post(f"{path}:execute", {"execute_at": (soon + timedelta(days=1)).isoformat()}).json()
        assert (later["state"], later["targets_by_state"]) == ("scheduled", {"pending": 8})
        again = bea.post(f"{path}:execute", {"execute_at": soon.astimezone().isoformat()})
        assert again.status_code == 202
        assert again.json()["execute_at"][:19] == soon.isoformat()[:19]
        wait_for(people, path.rsplit("/", 1)[-1], "executed")


# one target


def test_one_target_is_taken_back_once(engine: Engine, platform: Platform) -> None:
    odd = "bot/with:odd id"
    everybody = [*(f"bot-{i}" for i in range(5)), odd]
    platform.accounts([{"account_id": a, "registration_client": "hosting-tool-alpha"} for a in everybody])
    run = platform.run({"n1": [*everybody, "fan"]})
    publish(run, platform.place.log, engine, policy=load(), actor="test")
    with served(engine) as people:
        action_id = approved(people)
        path = f"/v1/network-actions/{action_id}"
        bea = people("bea")
        assert bea.post(f"{path}/targets/bot-1:reverse", {"reason": "x"}).status_code == 409, "not applied yet"
        bea.post(f"{path}:execute")
        wait_for(people, action_id, "executed")
        one = f"{path}/targets/bot%2Fwith%3Aodd%20id:reverse"
        assert people("low", ["action:propose"]).post(one, {"reason": "x"}).status_code == 403
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda i: bea.post(one, {"reason": "a person"}, idem=f"r{i // 2}"), range(16)))
        assert Counter(a.status_code for a in answers if "idempotent-replayed" not in a.headers)[200] == 1
        assert {a.status_code for a in answers} == {200, 409}
        assert bea.post(f"{path}/targets/nobody:reverse", {"reason": "x"}).status_code == 404
        assert bea.post(f"{path}/targets/fan:reverse", {"reason": "x"}).status_code == 409
        after = bea.get(path).json()
        assert (after["state"], after["targets_by_state"]) == ("executed", {"applied": 5, "reversed": 1, "skipped": 1})
        assert bea.get(f"/v1/accounts/{odd.replace('/', '%2F')}/verdict").json()["penalty"]["tier"] == "none"
        assert bea.get("/v1/accounts/bot-1/verdict").json()["penalty"]["tier"] == "ban"
        bea.post(f"{path}:reverse", {"reason": "all"})
        wait_for(people, action_id, "reversed")
    left = counted(engine, action_id)
    assert (left["penalties"], left["reversals"], left["logged"]["penalty.reversed"]) == (6, 6, 6)
    assert set(left["sent"].values()) == {1}
    with reading(engine) as tx:
        said = select(audit.c.detail).where(audit.c.event == "penalty.reversed").order_by(audit.c.seq).limit(1)
        assert tx.execute(said).scalar_one()["reason"] == "a person"


# what people see


def test_the_preview_says_what_it_would_mean(engine: Engine, platform: Platform) -> None:
    strict = changed_policy(("per_hour: 5000", "per_hour: 4"), *CANARY, ("hold_hours: 24", "hold_hours: 6"))
    bots = [f"bot-{i}" for i in range(8)]
    platform.accounts([{"account_id": a, "registration_client": "hosting-tool-alpha"} for a in bots])
    run = platform.run(
        {"n1": [*bots, "fan-1", "fan-2", "victim"], "n2": [*bots[:2], "x", "y"]}, roles={"victim": "followed"}
    )
    publish(run, platform.place.log, engine, policy=strict, actor="test")
    with served(engine, carry_out=False) as people:
        ann = people("ann")
        seen = previewed(ann, proposed(ann))
    impact = seen["impact"]
    assert impact["tiers"]["ban"] == {"eligible": 8, "skipped": 0}
    assert sum(t["eligible"] + t["skipped"] for t in impact["tiers"].values()) == seen["counts"]["members"] == 11
    assert impact["roles"]["core"]["eligible"] == 8
    assert impact["guards"]["its own verdict is watch"] == 2
    assert sum(impact["guards"].values()) == seen["counts"]["skipped"] == 3
    assert (impact["active_accounts"], impact["active_share"]) == (13, round(8 / 13, 6))
    assert (impact["other_networks"], impact["other_networks_named"]) == (1, {"n2": 2})
    assert impact["canary"] == {"targets": 3, "hold_hours": 6}
    work = {"sample_reviews": 5, "appeals": 1, "hours": 0.6, "minutes_per_review": 6.0, "appeal_share": 0.1}
    assert impact["work"] == work
    assert {c["cap"]: (c["limit"], c["used"], c["hit"]) for c in impact["caps"]} == {
        "per_action": (10_000, 0, False),
        "per_hour": (4, 0, True),
        "per_policy": (100_000, 0, False),
        "active_share": (500, 0, False),
    }


def test_switch_and_overrides_over_http(engine: Engine, platform: Platform) -> None:
    publish(
        banned_network(platform),
        platform.place.log,
        engine,
        policy=changed_policy(("per_hour: 5000", "per_hour: 3")),
        actor="test",
    )
    with served(engine) as people:
        ann, bea, cid = people("ann"), people("bea"), people("cid")
        action_id = approved(people)
        path = f"/v1/network-actions/{action_id}"
        bea.post(f"{path}:execute")
        wait_for(people, action_id, "paused")
        assert bea.get(path).json()["held_for"] == "cap"
        more = {"cap": "per_hour", "targets": 8, "hours": 1, "reason": "spam wave"}
        assert bea.post(f"{path}:override", more).status_code == 403
        assert cid.post(f"{path}:override", {**more, "cap": "per_minute"}).status_code == 422
        assert cid.post(f"{path}:override", more).json()["overrides"][0]["targets"] == 8
        assert ann.get("/v1/kill-switch").json()["set"] is False
        assert people("low", ["action:execute"]).post("/v1/kill-switch:set", {"reason": "x"}).status_code == 403
        assert bea.post("/v1/kill-switch:set", {"reason": "stop"}).json()["halted"] == []
        assert bea.post(f"{path}:resume", {"reason": "go on"}).status_code == 409
        assert bea.post("/v1/kill-switch:lift", {"reason": "on"}).status_code == 403
        assert ann.get("/v1/kill-switch").json()["actor"] == "bea"
        assert cid.post("/v1/kill-switch:lift", {"reason": "on"}).json()["set"] is False
        assert bea.post(f"{path}:pause", {"reason": "x"}).status_code == 409
        assert bea.post(f"{path}:resume", {"reason": "go on"}).status_code == 202
        wait_for(people, action_id, "executed")


def test_lists_do_not_count_targets(engine: Engine, platform: Platform) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=load(), actor="test")
    with served(engine, carry_out=False) as people:
        approved(people)
        asked: list[str] = []
        event.listen(engine, "before_cursor_execute", lambda _c, _k, statement, *_: asked.append(statement))
        page = people("ann").get("/v1/network-actions").json()["actions"]
        assert page[0]["targets_by_state"] == {"pending": 8}
        assert asked
        assert not any("targets " in s.split("FROM", 1)[-1].replace("\n", " ") for s in asked if "FROM" in s)


def test_policies_without_these_rules_are_still_read() -> None:
    text = load().text
    before = text[: text.index("  # Approved actions may be scheduled")]
    assert parse(before, "an older file").actions == load().actions


def test_the_demonstration_goes_on_after_a_canary(engine: Engine, platform: Platform) -> None:
    """People who act through the client meet a held action, and a second one of them lets it go on."""
    publish(banned_network(platform), platform.place.log, engine, policy=changed_policy(*CANARY), actor="test")
    with served(engine) as people, ExitStack() as stack:
        clients = [
            stack.enter_context(Client(str(people.http.base_url), people(name).key)) for name in ("ann", "bea", "cid")
        ]
        who = demo.People(clients[0], _Agrees(people), (clients[1], clients[2]))
        told: list[str] = []
        action = demo.ban(who, "n1", told.append)
        assert any("holds after its canary" in line for line in told)
        assert (action["state"], action["targets_by_state"]) == ("executed", {"applied": 8})
        assert demo.reverse(who, action, told.append)["state"] == "reversed"


class _Agrees(demo.SimulatedReviewer):
    """A reviewer who agrees with everything."""

    def __init__(self, people: People) -> None:
        self._people = people

    def review(self, action: dict[str, Any]) -> None:
        """Review the sample."""
        sample_reviewed(self._people("rob"), action)


def test_migrating_there_and_back_keeps_what_was_done(engine: Engine, platform: Platform) -> None:
    action_id = ready(engine, platform)
    begin(engine, action_id, "execute")
    execution.step(engine, action_id, batch=3)
    do(engine, actions.pause, action_id, actor="bea", reason="wait")
    before = row_of(engine, action_id).tally
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    back = ScriptDirectory.from_config(made).get_revision("0004")
    with writing(engine) as tx:
        made.attributes["connection"] = tx
        command.downgrade(made, str(back.down_revision))
        assert tx.execute(text("SELECT state FROM network_actions")).scalar_one() == "partially_executed"
    upgrade(engine)
    assert row_of(engine, action_id).tally == before == {"applied": 3, "pending": 5}


def test_the_switch_on_the_command_line(engine: Engine, store_url: str, platform: Platform) -> None:
    environment = {"SHOAL_DIR": str(platform.place.root), "SHOAL_DATABASE_URL": store_url}
    action_id = ready(engine, platform)
    begin(engine, action_id, "execute")

    def said(*arguments: str) -> str:
        done = CliRunner(env=environment).invoke(COMMANDS["halt"], arguments, catch_exceptions=False)
        return str(done.output)

    assert "Missing option '--reason'" in said()
    assert f"Halted just now: {action_id}." in said("--reason", "stop")
    assert execution.carry_on(engine, action_id) == "halted"
    with pytest.raises(DeniedError, match="another person"):
        said("--lift", "--reason", "go on")
    do(engine, switch.lift, actor="cid", reason="fine")
    do(engine, switch.throw, actor="cid", reason="again")
    assert "is lifted" in said("--lift", "--reason", "go on")
    with reading(engine) as tx:
        assert not switch.standing(tx)["set"]
    verify_chain(engine)
