"""Network actions under arbitrary orders of events: publications, reviews, people, crashes and time."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from apikit import DAY, Platform
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import select
from test_execution import CrashError, crash_at

from api import actions, execution, reviews, states, verdicts
from api.audit import verify_chain
from api.clock import now
from api.policy import rank
from api.publish import publish
from api.rules import load
from api.store import open_store, reading, writing
from api.tables import approvals, audit, network_actions, outbox, penalties, reversals, targets
from graph.errors import ShoalError
from graph.runs import Run
from graph.workspace import Workspace

BOTS = [f"bot-{i}" for i in range(5)]
FANS = ["fan-0", "fan-1"]
POLICY = load()
which = st.integers(0, 2)


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
        self.publish(0)

    def teardown(self) -> None:
        verify_chain(self.engine)
        self.engine.dispose()

    def change(self, do: Callable[[Any], Any]) -> None:
        """Something a person asks for: it happens whole, or is refused with a Shoal error."""
        self.at += 1_000_000
        try:
            with writing(self.engine) as tx:
                do(tx)
        except actions.DriftError as error:
            with writing(self.engine) as tx:
                actions.outdate(tx, error, actor="ann", at=self.at)
        except ShoalError:
            pass

    def pick(self, i: int) -> str:
        return self.actions[i % len(self.actions)]

    @rule(i=which)
    def publish(self, i: int) -> None:
        self.at += 1_000_000
        publish(self.runs[i], self.platform.place.log, self.engine, policy=POLICY, actor="test", now=self.at)

    @rule(action=st.sampled_from(["warn", "restrict", "ban"]))
    def propose(self, action: str) -> None:
        def do(tx: Any) -> None:
            made = actions.propose(tx, network_id="n1", action=action, reason="x", proposer="ann", at=self.at)
            self.actions.append(made)

        if len(self.actions) < 6:
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

    @rule(name=st.sampled_from([*BOTS, *FANS]), who=st.sampled_from(["tom", "sue"]))
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

    @rule(action=st.sampled_from(["warn", "restrict", "ban"]))
    def hurry(self, action: str) -> None:
        """An action all the way to its execution, if nothing stands against it."""
        before = len(self.actions)
        self.propose(action)
        last = len(self.actions) - 1
        if last < before:
            return
        self.preview(last)
        self.review_the_sample(last, "registered_by_tool")
        self.approve(last, "bea", True)
        self.execute(last)

    @precondition(lambda self: self.actions)
    @rule(i=which)
    def execute(self, i: int) -> None:
        self.change(lambda tx: actions.execute(tx, self.pick(i), actor="bea", at=self.at))

    @precondition(lambda self: self.actions)
    @rule(i=which)
    def reverse(self, i: int) -> None:
        self.change(lambda tx: actions.reverse(tx, self.pick(i), actor="bea", reason="x", at=self.at))

    @rule(crash=st.integers(1, 80), batch=st.integers(1, 4), steps=st.integers(1, 8))
    def carry_on(self, crash: int, batch: int, steps: int) -> None:
        for action_id in execution.under_way(self.engine):
            self.at += 1_000_000
            with contextlib.suppress(CrashError), crash_at(self.engine, crash):
                for _ in range(steps):
                    execution.step(self.engine, action_id, batch=batch, now=self.at)

    @rule(days=st.sampled_from([1, 4, 31, 91]))
    def tick(self, days: int) -> None:
        self.at += days * DAY

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
                if row.state in ("executed", "partially_executed"):
                    assert not found.get("pending")
                if row.state == "reversed":
                    assert not found.get("applied")
                if row.state not in ("proposed", "previewed", "stale", "expired"):
                    given = approvals.c.action_id == row.action_id
                    who = set(tx.execute(select(approvals.c.approver).where(given)).scalars())
                    assert who - {row.proposer}

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
        max_examples=9 if engine_name == "sqlite" else 5,
        stateful_step_count=30,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    run_state_machine_as_test(kind, settings=few)
    assert reached["executing"], reached
    assert reached["executed"] + reached["partially_executed"], reached
