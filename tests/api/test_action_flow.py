"""The main flow: publish, verdict, propose, preview, review the sample, approve, execute, reverse."""

from __future__ import annotations

import time

from apikit import People, Platform, approved, banned_network, previewed, proposed, sample_reviewed, served, state_of
from sqlalchemy import Engine

from api.audit import verify_chain
from api.publish import publish
from api.rules import Policy


def wait_for(people: People, action_id: str, wanted: str) -> None:
    for _ in range(400):
        state = state_of(people("ann"), action_id)
        if state == wanted:
            return
        time.sleep(0.02)
    raise AssertionError(f"{action_id} is {state}, not {wanted}")


def test_ban_a_network_and_take_it_back(engine: Engine, platform: Platform, policy: Policy) -> None:
    run = banned_network(platform)
    report = publish(run, platform.place.log, engine, policy=policy, actor="test")
    assert report.tiers == {"ban": 8}
    with served(engine) as people:
        ann, rob, bea = people("ann"), people("rob"), people("bea")
        verdict = ann.get("/v1/accounts/bot-n1-0003/verdict").json()
        assert verdict["known"]
        assert verdict["tier"] == "ban"
        assert verdict["verdict"]["families"] == ["platform", "network"]
        assert verdict["penalty"] == {"tier": "none", "expires_at": None}

        action_id = proposed(ann)
        seen = previewed(ann, action_id)
        assert seen["counts"] == {"members": 8, "eligible": 8, "skipped": 0}
        assert len(seen["sample"]["accounts"]) == 5
        path = f"/v1/network-actions/{action_id}"
        body = {"digest": seen["digest"]}
        own = ann.post(f"{path}:approve", body)
        assert own.status_code == 403
        assert "another person" in own.json()["detail"]
        unreviewed = bea.post(f"{path}:approve", body)
        assert unreviewed.status_code == 409
        assert "blind sample is not reviewed" in unreviewed.json()["detail"]
        sample_reviewed(rob, seen)
        assert bea.post(f"{path}:approve", {"digest": "0" * 64}).status_code == 409
        assert bea.post(f"{path}:approve", body).json()["state"] == "approved"

        started = bea.post(f"{path}:execute")
        assert started.status_code == 202
        assert started.headers["location"] == path
        wait_for(people, action_id, "executed")
        after = ann.post("/v1/verdicts:batchGet", {"account_ids": ["bot-n1-0000", "person-1", "nobody"]}).json()[
            "verdicts"
        ]
        assert [v["penalty"]["tier"] for v in after] == ["ban", "none", "none"]
        assert [v["known"] for v in after] == [True, True, False]
        detail = ann.get(path).json()
        assert detail["targets_by_state"] == {"applied": 8}
        assert len({t["notice_id"] for t in detail["targets"]}) == 8

        assert bea.post(f"{path}:reverse", {"reason": "trial"}).status_code == 202
        wait_for(people, action_id, "reversed")
        assert ann.get("/v1/accounts/bot-n1-0000/verdict").json()["penalty"]["tier"] == "none"
        feed = ann.get("/v1/feed").json()["events"]
        assert [e["type"] for e in feed] == ["penalty.applied"] * 8 + ["penalty.reversed"] * 8
        assert {e["effective"] for e in feed[8:]} == {"none"}
    assert verify_chain(engine) > 20


def test_members_whose_own_verdict_is_less_are_left_out(engine: Engine, platform: Platform, policy: Policy) -> None:
    platform.accounts(
        [{"account_id": f"bot-{i}", "registration_client": "hosting-tool-beta"} for i in range(4)]
        + [{"account_id": "declared", "registration_client": "hosting-tool-beta", "declared_automation": True}]
    )
    members = [*(f"bot-{i}" for i in range(4)), "declared", "fan", "victim"]
    run = platform.run({"n1": members}, roles={"victim": "followed"})
    publish(run, platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        action_id = approved(people)
        people("bea").post(f"/v1/network-actions/{action_id}:execute")
        wait_for(people, action_id, "executed")
        found = {t["account_id"]: t for t in people("ann").get(f"/v1/network-actions/{action_id}").json()["targets"]}
        assert {name for name, t in found.items() if t["state"] == "applied"} == {f"bot-{i}" for i in range(4)}
        assert "declares that a tool" in found["declared"]["guard"]
        assert found["fan"]["guard"] == "its own verdict is watch"
        assert "trailing" in found["victim"]["guard"]
