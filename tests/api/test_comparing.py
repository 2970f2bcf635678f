"""A candidate policy beside the one in use: who would be judged otherwise, and how it would have done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from apikit import DAY, UNTIL, Platform, banned_network, changed_policy
from sqlalchemy import Engine, func, insert, select

from api import comparing, judging, material, reviews
from api.clock import now
from api.policy import judge
from api.publish import publish
from api.rules import Policy
from api.store import reading, writing
from api.tables import audit, verdicts
from api.tables import reviews as reviews_table

ROOT = Path(__file__).parents[2]


def rows(engine: Engine) -> list[int]:
    with reading(engine) as tx:
        return [tx.execute(select(func.count()).select_from(t)).scalar_one() for t in (audit, verdicts)]


def test_the_same_policy_changes_nothing(engine: Engine, platform: Platform, policy: Policy) -> None:
    run = banned_network(platform)
    publish(run, platform.place.log, engine, policy=policy, actor="t")
    before = rows(engine)
    found = comparing.shadow(run, platform.place.log, engine, policy, policy, now())
    assert found.changes == []
    assert found.moves == {("ban", "ban"): 8}
    assert rows(engine) == before, "looking leaves nothing"


def test_who_would_be_judged_otherwise(engine: Engine, platform: Platform, policy: Policy) -> None:
    """Another list of hosting tools frees one network and finds another account, which the policy in use never read."""
    platform.accounts([{"account_id": "scheduled", "registration_client": "scheduler"}])
    run = banned_network(platform)
    publish(run, platform.place.log, engine, policy=policy, actor="t")
    other = changed_policy(("  - hosting-tool-alpha\n", "  - scheduler\n"))
    found = comparing.shadow(run, platform.place.log, engine, policy, other, now())
    changes = {c.account_id: (c.before.tier, c.after.tier) for c in found.changes}
    assert changes["scheduled"] == ("none", "watch"), "not seen in the window: held at watch"
    assert {v for k, v in changes.items() if k != "scheduled"} == {("ban", "watch")}
    assert len(changes) == 9
    assert found.stricter == 1
    # what the shadow said is what a publication under the candidate does
    publish(run, platform.place.log, engine, policy=other, actor="t")
    with reading(engine) as tx:
        latest = judging.latest_of_accounts(tx)
    assert {k: latest[k].tier for k in changes} == {k: after for k, (_, after) in changes.items()}


def reviewed(engine: Engine, account_id: str, decision: str, at: int, who: str = "rob") -> None:
    row = {"review_id": f"rv-{account_id}-{at}-{who}", "account_id": account_id, "reviewer": who, "at": at}
    with writing(engine) as tx:
        tx.execute(insert(reviews_table).values(**row, decision=decision, reason="looked", action_id=None))


def test_a_backtest_knows_what_was_known_and_is_told_what_came_later(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    run = banned_network(platform)
    made = material.made_at(run)
    publish(run, platform.place.log, engine, policy=policy, actor="t")
    reviewed(engine, "bot-n1-0000", "genuine", made - DAY)  # known on the day: cleared then
    reviewed(engine, "bot-n1-0001", "genuine", made + DAY)
    reviewed(engine, "bot-n1-0002", "registered_by_tool", made + DAY)
    reviewed(engine, "bot-n1-0003", "unsure", made + DAY)
    reviewed(engine, "bot-n1-0004", "whole_history_ai", made + DAY)
    reviewed(engine, "bot-n1-0004", "genuine", made + 2 * DAY)
    found = comparing.backtest([run], platform.place.log, engine, policy)
    ban = found.tiers["ban"]
    assert (ban.accounts, ban.agreed, ban.genuine, ban.reversed, ban.looked_at) == (7, 1, 2, 0, 3)
    assert sum(row.accounts for row in found.tiers.values()) == 7
    assert comparing.backtest([run], platform.place.log, engine, policy) == found
    milder = comparing.backtest([run], platform.place.log, engine, changed_policy(("  - hosting-tool-alpha\n", "")))
    assert milder.tiers["ban"].accounts == 0
    assert milder.tiers["watch"].accounts == 7


def test_reviews_before_a_time(engine: Engine, platform: Platform, policy: Policy) -> None:
    run = banned_network(platform)
    reviewed(engine, "bot-n1-0000", "genuine", UNTIL + DAY)
    with reading(engine) as tx:
        facts = material.read(run, platform.place.log, policy, [], UNTIL).facts
        with_all, early = reviews.with_reviews(tx, facts), reviews.with_reviews(tx, facts, before=UNTIL)
    assert judge(with_all["bot-n1-0000"], policy).tier == "none"
    assert early == facts


def test_commands(platform: Platform, policy: Policy, tmp_path: Path) -> None:
    from api.store import open_store, upgrade

    engine = open_store(platform.place.root)
    upgrade(engine)
    candidate = tmp_path / "candidate.yml"
    candidate.write_text(policy.text.replace("  - hosting-tool-alpha\n", ""))

    def shoal(*arguments: str, code: int = 0) -> str:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SHOAL_")}
        line = [sys.executable, "-m", "shoal", "policy", *arguments, "--dir", str(platform.place.root)]
        done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    assert "nothing is published yet" in shoal("shadow", str(candidate), code=3)
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="t")
    engine.dispose()
    told = shoal("shadow", str(candidate), "--limit", "1")
    assert "8 accounts would be judged otherwise: 0 more strictly." in told
    assert "now: It was registered through hosting-tool-alpha" in told
    assert len(json.loads(shoal("shadow", str(candidate), "--json"))["changes"]) == 8
    table = shoal("backtest", str(candidate))
    assert "1 published runs. now: the published policy" in table
    assert json.loads(shoal("backtest", str(candidate), "--json"))["then"]["tiers"]["ban"]["accounts"] == 0
    candidate.write_text(policy.text.replace("platform_fact: hosting_tool", "platform_fax: hosting_tool", 1))
    refused = shoal("shadow", str(candidate), code=2)
    assert "there is no predicate 'platform_fax'" in refused
    assert "line " in refused


@pytest.mark.parametrize("change", [("families: 2", "families: 3"), ("restrict_after: 2", "restrict_after: 5")])
def test_a_stricter_demand_for_evidence_raises_nobody(
    engine: Engine, platform: Platform, policy: Policy, change: tuple[str, str]
) -> None:
    run = banned_network(platform)
    publish(run, platform.place.log, engine, policy=policy, actor="t")
    found = comparing.shadow(run, platform.place.log, engine, policy, changed_policy(change), now())
    assert found.stricter == 0
