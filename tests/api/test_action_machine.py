"""Network actions under arbitrary orders of events: publications, reviews, people, brakes, crashes and time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apikit import DAY, HOUR, Platform, changed_policy
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select
from test_execution import CrashError, crash_at

from api import actions, execution, reviews, states, switch, verdicts
from api.audit import verify_chain
from api.clock import iso, now
from api.penalties import in_force
from api.policy import rank
from api.publish import publish
from api.rules import load
from api.store import open_store, reading, writing
from api.tables import approvals, audit, network_actions, outbox, overrides, penalties, reversals, targets
from api.tables import reviews as reviews_table
from graph.errors import ShoalError
from graph.runs import Run
from graph.workspace import Workspace

BOTS = [f"bot-{i}" for i in range(5)]
FANS = ["fan-0", "fan-1"]
LOOSE = load()
TIGHT = changed_policy(
    ("canary_above: 100", "canary_above: 2"),
    ("canary_share: 0.05", "canary_share: 0.4"),
    ("canary_min: 20", "canary_min: 1"),
    ("breaker_min: 3", "breaker_min: 2"),
    ("per_hour: 5000", "per_hour: 7"),
    ("per_action: 10000", "per_action: 4"),
    ("active_least: 500", "active_least: 9"),
)
LIMITS = {"per_action": 4, "per_hour": 7, "active_share": 9}
CANARY = 2
which = st.integers(0, 2)
anybody = st.sampled_from(["ann", "bea", "cid", "dan"])


class Actions(RuleBasedStateMachine):
    """Actions on one network of bots and fans; `make_store`, `platform` and `runs` are set by a subclass."""

    make_store: Callable[[], str]
    platform: Platform
    runs: list[Run]
    reached: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.engine = open_store(Path("unused"), type(self).make_store())
        self.at = now()
        self.actions: list[str] = []
        self.approved: dict[str, set[str]] = {}
        self.seen: dict[str, str] = {}
        self.genuine: set[str] = set()
        self.released: set[str] = set()
        self.policy = LOOSE

    @initialize(tight=st.sampled_from([True, True, False]))
    def begin(self, tight: bool) -> None:
        self.policy = TIGHT if tight else LOOSE
        self.publish(0)

    def teardown(self) -> None:
        verify_chain(self.engine)
        self.engine.dispose()

    def change(self, do: Callable[[Any], Any]) -> bool:
        """Something a person asks for: it happens whole (true), or is refused with a Shoal error."""
        self.at += 1_000_000
        try:
            with writing(self.engine) as tx:
                do(tx)
        except actions.DriftError as error:
            with writing(self.engine) as tx:
                actions.outdate(tx, error, actor="ann", at=self.at)
        except ShoalError:
            pass
        else:
            return True
        return False

    def row(self, i: int) -> Any:
        with reading(self.engine) as tx:
            return actions.find(tx, self.pick(i))

    def pick(self, i: int) -> str:
        return self.actions[-1 - i % len(self.actions)]

    @rule(i=st.sampled_from([0, 0, 0, 1, 2]))
    def publish(self, i: int) -> None:
        self.at += 1_000_000
        publish(self.runs[i], self.platform.place.log, self.engine, policy=self.policy, actor="test", now=self.at)

    @rule(action=st.sampled_from(["warn", "restrict", "ban"]))
    def propose(self, action: str) -> None:
        def do(tx: Any) -> None:
            made = actions.propose(tx, network_id="n1", action=action, reason="x", proposer="ann", at=self.at)
            self.actions.append(made)

        if len(self.actions) < 9:
            self.change(do)

    @precondition(lambda self: self.actions)
    @rule(i=which)
    def preview(self, i: int) -> None:
        self.change(lambda tx: actions.preview(tx, self.pick(i), actor="ann", at=self.at))

    @precondition(lambda self: self.actions)
    @rule(i=which, decision=st.sampled_from(["registered_by_tool", "registered_by_tool", "unsure"]))
    def review_the_sample(self, i: int, decision: str) -> None:
        def do(tx: Any) -> None:
            for name in actions.find(tx, self.pick(i)).sample or []:
                self.record(tx, "rob", name, decision, self.pick(i))

        self.change(do)

    def record(self, tx: Any, who: str, name: str, decision: str, action_id: str | None) -> None:
        reviews.record(
            tx, reviewer=who, account_id=name, decision=decision, reason="x", action_id=action_id, at=self.at
        )

    @rule(name=st.sampled_from([*BOTS[3:], *FANS]), who=st.sampled_from(["tom", "sue"]))
    def find_genuine(self, name: str, who: str) -> None:
        self.change(lambda tx: self.record(tx, who, name, "genuine", None))
        self.genuine.add(name)

    @precondition(lambda self: self.actions)
    @rule(i=which, who=st.sampled_from(["ann", "bea", "cid"]), right=st.booleans())
    def approve(self, i: int, who: str, right: bool) -> None:
        def do(tx: Any) -> None:
            row = actions.find(tx, self.pick(i))
            digest = row.digest if right and row.digest else "0" * 64
            actions.approve(tx, row.action_id, digest=digest, approver=who, at=self.at)
            assert who != "ann"
            frozen = select(targets.c.account_id).where(targets.c.action_id == row.action_id, targets.c.guard.is_(None))
            self.approved[row.action_id] = set(tx.execute(frozen).scalars())

        self.change(do)

    @rule(
        action=st.sampled_from(["warn", "restrict", "ban"]),
        wait=st.sampled_from([None, None, HOUR]),
        batches=st.integers(0, 6),
    )
    def hurry(self, action: str, wait: int | None, batches: int) -> None:
        """An action all the way into its execution, if nothing stands against it."""
        before = len(self.actions)
        self.propose(action)
        if len(self.actions) == before:
            return
        self.preview(0)
        self.review_the_sample(0, "registered_by_tool")
        self.approve(0, "bea", True)
        self.execute(0, wait)
        self.carry_on(1_000, 1, batches)

    @precondition(lambda self: self.actions)
    @rule(i=which, wait=st.sampled_from([None, None, HOUR, 2 * DAY, 30 * DAY]))
    def execute(self, i: int, wait: int | None = None) -> None:
        when = None if wait is None else self.at + wait
        done = self.change(lambda tx: actions.execute(tx, self.pick(i), actor="bea", at=self.at, execute_at=when))
        assert not done or wait != 30 * DAY, "nothing is scheduled that far ahead"

    @precondition(lambda self: self.actions)
    @rule(i=which)
    def pause(self, i: int) -> None:
        self.change(lambda tx: actions.pause(tx, self.pick(i), actor="bea", reason="x", at=self.at))

    @precondition(lambda self: self.actions)
    @rule(i=which, who=anybody, override=st.booleans())
    def resume(self, i: int, who: str, override: bool) -> None:
        before = self.row(i)
        done = self.change(
            lambda tx: actions.resume(tx, self.pick(i), actor=who, reason="x", override=override, at=self.at)
        )
        if done:
            second = who not in (before.proposer, before.executor)
            assert before.state in ("paused", "halted")
            assert second or before.state == "paused"
            assert before.held_until is None or before.held_until <= self.at or (override and second)
            if before.canary and self.applied(before.action_id) >= before.canary:
                self.released.add(before.action_id)

    @precondition(lambda self: self.actions)
    @rule(i=which, now=st.booleans())
    def cancel(self, i: int, now: bool) -> None:
        if now:
            self.change(lambda tx: actions.mark(tx, self.pick(i), "cancelled", actor="ann", why="x", at=self.at))

    @precondition(lambda self: self.actions)
    @rule(i=which, who=anybody, cap=st.sampled_from([*LIMITS]), hours=st.sampled_from([1, 24, 25]))
    def override(self, i: int, who: str, cap: str, hours: int) -> None:
        before = self.row(i)
        given = {"cap": cap, "allowed": LIMITS[cap] + 3, "hours": hours, "reason": "x", "actor": who}
        done = self.change(lambda tx: actions.override(tx, self.pick(i), **given, at=self.at))
        assert not done or (who not in (before.proposer, before.executor) and hours <= 24)

    @rule(who=anybody, now=st.sampled_from([True, *[False] * 4]))
    def throw_the_switch(self, who: str, now: bool) -> None:
        if now:
            self.change(lambda tx: switch.throw(tx, actor=who, reason="x", at=self.at))

    @rule(who=anybody)
    def lift_the_switch(self, who: str) -> None:
        with reading(self.engine) as tx:
            setter = switch.standing(tx)["actor"]
        done = self.change(lambda tx: switch.lift(tx, actor=who, reason="x", at=self.at))
        assert done == (setter is not None and setter != who)

    @precondition(lambda self: self.actions)
    @rule(i=which)
    def reverse(self, i: int) -> None:
        self.change(lambda tx: actions.reverse(tx, self.pick(i), actor="bea", reason="x", at=self.at))

    @precondition(lambda self: self.actions)
    @rule(i=which, name=st.sampled_from([*BOTS, *FANS]), crash=st.integers(1, 30))
    def reverse_one(self, i: int, name: str, crash: int) -> None:
        def do(tx: Any) -> None:
            execution.reverse_one(tx, self.pick(i), name, actor="bea", reason="x", at=self.at)

        with contextlib.suppress(CrashError), crash_at(self.engine, crash):
            self.change(do)

    @rule(crash=st.integers(1, 80), batch=st.integers(1, 4), steps=st.integers(1, 8))
    def carry_on(self, crash: int, batch: int, steps: int) -> None:
        for action_id in execution.under_way(self.engine, self.at):
            self.at += 1_000_000
            with contextlib.suppress(CrashError), crash_at(self.engine, crash):
                for _ in range(steps):
                    execution.step(self.engine, action_id, batch=batch, now=self.at)

    @rule(time=st.sampled_from([*[HOUR] * 8, *[25 * HOUR] * 4, 4 * DAY, 31 * DAY, 91 * DAY]))
    def tick(self, time: int) -> None:
        self.at += time

    def applied(self, action_id: str) -> int:
        with reading(self.engine) as tx:
            mine = select(func.count()).select_from(penalties).where(penalties.c.action_id == action_id)
            return int(tx.execute(mine).scalar_one())

    @invariant()
    def what_is_in_force_is_what_the_rows_say(self) -> None:
        with reading(self.engine) as tx:
            rows = tx.execute(select(penalties)).all()
            back = set(tx.execute(select(reversals.c.penalty_id)).scalars())
            shown = verdicts.of_accounts(tx, [*BOTS, *FANS], self.at)
        for name in [*BOTS, *FANS]:
            mine = [r for r in rows if r.account_id == name and r.penalty_id not in back]
            active = [r.tier for r in mine if r.expires_at is None or r.expires_at > self.at]
            assert shown[name]["penalty"]["tier"] == max(active, key=rank, default="none")

    @invariant()
    def everything_is_done_once_and_told_once(self) -> None:
        with reading(self.engine) as tx:
            made = Counter((r.action_id, r.account_id) for r in tx.execute(select(penalties)))
            events = tx.execute(select(outbox.c.payload).where(outbox.c.kind == "enforcement")).scalars()
            told = Counter((e["type"], e["action_id"], e["account_id"]) for e in events)
            back = tx.execute(select(penalties).join(reversals, reversals.c.penalty_id == penalties.c.penalty_id))
            undone = Counter((r.action_id, r.account_id) for r in back)
            kinds = audit.c.event.in_(["penalty.applied", "penalty.reversed"])
            logged = Counter(
                (r.event, r.subject, r.detail["account_id"]) for r in tx.execute(select(audit).where(kinds))
            )
        expected = Counter({("penalty.applied", *k): n for k, n in made.items()})
        expected += Counter({("penalty.reversed", *k): n for k, n in undone.items()})
        assert told == logged == expected
        assert set(expected.values()) <= {1}
        for action_id, name in made:
            assert name in self.approved[action_id], "applied targets are a subset of what was approved"
            assert name not in FANS, "nobody gets more than their own verdict says"

    @invariant()
    def states_move_along_the_table(self) -> None:
        with reading(self.engine) as tx:
            for row in tx.execute(select(network_actions)):
                before = self.seen.get(row.action_id, "proposed")
                assert row.state == before or row.state in reachable(before)
                self.reached[row.state] += before != row.state
                self.seen[row.action_id] = row.state
                found = actions.counts_by_state(tx, row.action_id)
                assert (row.tally or {}) == found, "the counts are those of the targets"
                if row.state in ("executed", "partially_executed"):
                    assert not found.get("pending")
                if row.state == "reversed":
                    assert not found.get("applied")
                if row.started_at is not None and row.state not in ("executing", "paused", "halted"):
                    assert not found.get("pending"), "what ended leaves nobody waiting"
                if row.state not in ("proposed", "previewed", "stale", "expired", "cancelled"):
                    given = approvals.c.action_id == row.action_id
                    who = set(tx.execute(select(approvals.c.approver).where(given)).scalars())
                    assert who - {row.proposer}

    @invariant()
    def nothing_executes_while_the_switch_is_set(self) -> None:
        with reading(self.engine) as tx:
            on = switch.standing(tx)
            going = tx.execute(select(network_actions.c.state)).scalars().all()
            last = tx.execute(select(func.max(penalties.c.applied_at))).scalar()
            thrown = tx.execute(select(func.max(audit.c.at)).where(audit.c.event == "switch.set")).scalar()
        if on["set"]:
            assert "executing" not in going
            assert last is None or last <= thrown

    @invariant()
    def caps_hold(self) -> None:
        """Counted on the penalties, not on what the program counts on: each allowed itself and all before it."""
        if self.policy is not TIGHT:
            return
        with reading(self.engine) as tx:
            made = tx.execute(select(penalties.c.action_id, penalties.c.applied_at)).all()
            raised = tx.execute(select(overrides)).all()
        for action_id, at in set(made):
            used = {
                "per_action": sum(r.action_id == action_id and r.applied_at <= at for r in made),
                "per_hour": sum(at - HOUR < r.applied_at <= at for r in made),
                "active_share": sum(at - 24 * HOUR < r.applied_at <= at for r in made),
            }
            for cap, limit in LIMITS.items():
                valid = [o.targets for o in raised if o.cap == cap and o.at < at < o.expires_at]
                assert used[cap] <= max([limit, *valid]), cap

    @invariant()
    def nobody_gets_past_a_canary_that_holds(self) -> None:
        with reading(self.engine) as tx:
            rows = tx.execute(select(network_actions).where(network_actions.c.impact.is_not(None))).all()
            first = targets.c.turn == 0
            drawn = Counter(tx.execute(select(targets.c.action_id).where(first)).scalars())
            done = select(penalties.c.action_id, penalties.c.account_id)
            made = {tuple(r) for r in tx.execute(done)}
            turns = {(r.action_id, r.account_id): r.turn for r in tx.execute(select(targets))}
        for row in rows:
            has = row.impact["canary"]
            assert drawn[row.action_id] == (has["targets"] if has else 0)
            if has and row.action_id not in self.released:
                mine = [turns[key] for key in made if key[0] == row.action_id]
                assert len(mine) <= has["targets"] <= CANARY + 1
                gone = sum(turns[key] == 0 for key in turns if key[0] == row.action_id and key not in made)
                assert all(turn == 0 for turn in mine) or gone, "the canary's targets go first"

    @invariant()
    def too_many_wronged_halt_an_action(self) -> None:
        with reading(self.engine) as tx:
            going = network_actions.c.state.in_(("executing", "paused"))
            for row in tx.execute(select(network_actions).where(going)):
                mine = select(penalties.c.account_id, penalties.c.penalty_id)
                got = tx.execute(mine.where(penalties.c.action_id == row.action_id)).all()
                back = set(tx.execute(select(reversals.c.penalty_id)).scalars())
                said = (reviews_table.c.decision == "genuine") & (reviews_table.c.at >= row.started_at)
                found = set(tx.execute(select(reviews_table.c.account_id).where(said)).scalars())
                wronged = sum(g.penalty_id in back or g.account_id in found for g in got)
                rules = self.policy.actions
                tripped = wronged - (row.forgiven or 0) >= rules.breaker_min
                assert not (tripped and wronged > rules.breaker_share * len(got))

    @invariant()
    def the_feed_tells_what_is_in_force(self) -> None:
        """Who plays the feed back, in order, has the penalties that the store has, and will have them later."""
        with reading(self.engine) as tx:
            told = select(outbox.c.payload).where(outbox.c.kind == "enforcement").order_by(outbox.c.seq)
            played: dict[str, str] = {}
            steps: dict[str, list[dict[str, Any]]] = {}
            for event in tx.execute(told).scalars():
                now = {"tier": event["effective"], "expires_at": event["expires_at"]}
                steps[event["account_id"]] = [now, *event["then"]]
                if event["type"] == "penalty.applied":
                    assert event["penalty_id"] not in played
                    played[event["penalty_id"]] = event["account_id"]
                else:
                    del played[event["penalty_id"]]
            left = select(penalties.c.penalty_id, penalties.c.account_id).where(
                penalties.c.penalty_id.not_in(select(reversals.c.penalty_id))
            )
            assert played == {r.penalty_id: r.account_id for r in tx.execute(left)}
            for days in (0, 31, 91):
                at = self.at + days * DAY
                held = in_force(tx, penalties.c.penalty_id.is_not(None), at)
                for name, mine in steps.items():
                    going = (s["tier"] for s in mine if s["expires_at"] is None or s["expires_at"] > iso(at))
                    assert next(going, "none") == (held[name].tier if name in held else "none")

    @invariant()
    def the_genuine_have_no_standing_verdict(self) -> None:
        with reading(self.engine) as tx:
            shown = verdicts.of_accounts(tx, [*BOTS, *FANS], self.at)
        assert all(rank(shown[name]["tier"]) <= rank("watch") for name in FANS)


def reachable(state: str) -> set[str]:
    found, todo = set(), [state]
    while todo:
        for after in states.NEXT[todo.pop()]:
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def test_actions_in_any_order(engine_name: str, new_store: Callable[[], str], tmp_path: Path) -> None:
    platform = Platform(Workspace(tmp_path / "data"))
    platform.accounts([{"account_id": a, "registration_client": "hosting-tool-alpha"} for a in BOTS])
    runs = [
        platform.run({"n1": [*BOTS, *FANS]}),
        platform.run({"n1": [*BOTS[1:], *FANS]}, others=BOTS[:1]),
        platform.run({"n2": FANS}, others=BOTS),
    ]
    reached: Counter[str] = Counter()
    kind = type(
        "On" + engine_name.title(),
        (Actions,),
        {"make_store": staticmethod(new_store), "platform": platform, "runs": runs, "reached": reached},
    )
    few = settings(
        max_examples=24 if engine_name == "sqlite" else 12,
        stateful_step_count=40,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(kind, settings=few)
    wanted = {"executing", "paused", "halted", "scheduled", "reversing", "reversed", "cancelled"}
    assert reached["executing"], reached
    if engine_name == "sqlite":  # the other engine sees fewer orders
        assert wanted <= {state for state, n in reached.items() if n}, reached
        assert reached["executed"] + reached["partially_executed"], reached
