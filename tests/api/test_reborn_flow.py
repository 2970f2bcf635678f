"""A network is banned and comes back under new names: two runs with a ban in between, then the ban is taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sqlalchemy import Engine, select

from api import actions, execution, reviews, verdicts, worker
from api.publish import publish
from api.rules import Policy
from api.store import reading, writing
from api.tables import networks, review_queue
from graph.detect import DetectConfig, data_window, detect, run_key
from graph.files import digest_of, write_table
from graph.history import dissolved
from graph.model import ACCOUNTS, ACTIONS, DAY, SECOND
from graph.report import render, render_text
from graph.runs import Run
from graph.workspace import Workspace

T0 = 1_790_000_000 * SECOND
WEEKS = 10 * DAY  # of each half
BANNED_AT = T0 + 11 * DAY
OLD = [f"old-{i:02d}" for i in range(10)]
NEW = [f"new-{i:02d}" for i in range(9)]
OTHER = [f"other-{i:02d}" for i in range(9)]
SCRIPTS = [f"template:farm-{i}" for i in range(5)]


@dataclass
class Town:
    """A platform in two halves: people all along, networks in one of them."""

    place: Workspace
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    made: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)

    def act(self, account: str, channel: str, thing: str, at: float) -> None:
        self.made += 1
        row = {"event_id": f"e{self.made:06d}", "account_id": account, "channel": channel, "object_id": thing}
        self.rows.append({**row, "at": int(at), "content_id": None})

    def people(self, start: int) -> None:
        for person in range(150):
            for thing in self.rng.zipf(1.3, 20) % 80:
                self.act(f"person-{person:03d}", "comment", f"note:common-{thing}", start + self.rng.integers(WEEKS))

    def squad(self, accounts: list[str], start: int, name: str, scripts: list[str]) -> None:
        """On each of 20 notes, over ten days, most of them within a minute of a call; every text is a script."""
        for n in range(20):
            call = start + (n // 2) * DAY + self.rng.integers(6, 20) * 3600 * SECOND
            for account in accounts:
                if self.rng.random() < 0.85:
                    at = call + self.rng.uniform(0, 60) * SECOND
                    self.act(account, "comment", f"note:{name}-{n}", at)
                    self.act(account, "template", str(self.rng.choice(scripts)), at + SECOND)

    def log(self, table: Any, rows: list[dict[str, Any]]) -> None:
        full = [{c: row.get(c) for c in table.columns} for row in rows]
        staging = self.place.log.stage(digest_of([table.name, full])[:32])
        write_table(staging / f"{table.name}.parquet", pa.Table.from_pylist(full, table.schema))
        self.place.log.commit(staging, {"source": "test"})

    def detect(self, until: int, since: int = T0) -> Run:
        config, runs = DetectConfig(), self.place.runs
        parent = runs.current_or_none()
        building = runs.begin(run_key(self.place.log, data_window(self.place.log, since, until), config))
        detect(building, self.place.log, config, parent, lambda _n: None)
        made = building.finish(parent.run_id if parent else None, {})
        runs.make_current(made)
        return made


def ban(engine: Engine, network_id: str, at: int) -> str:
    """Propose, preview, review the sample, approve and execute."""
    with writing(engine) as tx:
        action_id = actions.propose(
            tx, network_id=network_id, action="ban", reason="farm", proposer="ann", at=at - 2 * SECOND
        )
    with writing(engine) as tx:
        digest = actions.preview(tx, action_id, actor="ann", at=at - 2 * SECOND)
    with writing(engine) as tx:
        for name in actions.find(tx, action_id).sample:
            said = {"decision": "registered_by_tool", "reason": "looked", "action_id": action_id}
            reviews.record(tx, reviewer="rob", account_id=name, at=at - SECOND, **said)
    with writing(engine) as tx:
        actions.approve(tx, action_id, digest=digest, approver="bea", at=at - SECOND)
    with writing(engine) as tx:
        actions.execute(tx, action_id, actor="bea", at=at)
    while execution.step(engine, action_id, now=at) == "executing":
        pass
    return action_id


def network_of(run: Run, account: str) -> str:
    cluster = run.table("clusters").filter(pc.field("account_id") == account)["cluster_id"][0].as_py()
    return str(run.table("networks").filter(pc.field("cluster_id") == cluster)["network_id"][0].as_py())


def queue(engine: Engine) -> dict[str, tuple[float, str]]:
    with reading(engine) as tx:
        return {r.account_id: (r.priority, r.reason) for r in tx.execute(select(review_queue))}


def tiers(engine: Engine, names: list[str], at: int) -> set[str]:
    with reading(engine) as tx:
        return {v["tier"] for v in verdicts.of_accounts(tx, names, at).values()}


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_banned_network_comes_back_and_the_ban_is_taken_back(engine: Engine, tmp_path: Path, policy: Policy) -> None:
    town = Town(Workspace(tmp_path / "data"))
    town.log(ACCOUNTS, [{"account_id": a, "registration_client": "hosting-tool-alpha"} for a in OLD])
    town.people(T0)
    town.squad(OLD, T0, "farm", SCRIPTS)
    town.log(ACTIONS, town.rows)
    first = town.detect(BANNED_AT)
    old = network_of(first, OLD[0])
    publish(first, town.place.log, engine, policy=policy, actor="test", now=BANNED_AT)
    action_id = ban(engine, old, BANNED_AT)
    done = worker.once(engine, town.place)
    assert (done.labels, done.bans) == (5, len(OLD))

    town.rows = []
    second_half = BANNED_AT + DAY
    town.people(second_half)
    town.squad(NEW, second_half, "farm", SCRIPTS)  # the same targets and scripts, by other accounts
    town.squad(OTHER, second_half, "elsewhere", [f"template:else-{i}" for i in range(5)])
    town.log(ACTIONS, town.rows)
    until = second_half + WEEKS + DAY
    second = town.place.runs.get(town.detect(until).run_id)
    new, other = network_of(second, NEW[0]), network_of(second, OTHER[0])
    found = second.table("reborn").to_pylist()
    assert [(r["network_id"], r["banned_network_id"], r["new_accounts"]) for r in found] == [(new, old, len(NEW))]
    assert set(found[0]["matched_by"]) == {"template", "target"}
    assert found[0]["banned_accounts"] == len(OLD)
    for told in (render_text(second), render(second)):
        assert f"It may be network {old} again" in told

    publish(second, town.place.log, engine, policy=policy, actor="test", now=until)
    assert tiers(engine, NEW + OTHER, until) == {"watch"}, "membership of a reborn network raises no tier"
    asked = queue(engine)
    assert min(asked[a][0] for a in NEW) == max(asked[a][0] for a in OTHER) + 5
    assert all(old in asked[a][1] for a in NEW)
    with reading(engine) as tx:
        stored = {r.network_id: r for r in tx.execute(select(networks))}
    assert (stored[new].tier, stored[other].tier) == ("watch", "watch")
    assert stored[new].reborn[0]["banned_network_id"] == old

    with writing(engine) as tx:
        actions.reverse(tx, action_id, actor="bea", reason="an error", at=until - 2)
    while execution.step(engine, action_id, now=until - 2) == "reversing":
        pass
    assert worker.once(engine, town.place).bans == len(OLD)
    third = town.detect(until)
    assert third.run_id != second.run_id
    assert third.table("reborn").num_rows == 0
    assert network_of(third, NEW[0]) == new, "the id goes on"
    publish(third, town.place.log, engine, policy=policy, actor="test", now=until)
    assert queue(engine)[NEW[0]][0] == asked[NEW[0]][0] - 5

    later = town.detect(until, second_half)
    gone = [r for r in later.table("lineage").to_pylist() if r["change"] == "dissolved"]
    assert [(r["network_id"], r["last_run_id"], r["left"]) for r in gone] == [(old, third.run_id, len(OLD))]
    assert old in dissolved(later)[0]
    assert f"Gone since the run before: {old}" in render_text(later)
