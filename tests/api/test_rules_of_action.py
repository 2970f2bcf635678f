"""Who may do what to which action, when: two people, digests, samples, drift, and one effect per key."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from apikit import (
    DAY,
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
from sqlalchemy import Engine, func, select, update

from api import actions, auth, states
from api.audit import verify_chain
from api.clock import now
from api.execution import carry_on
from api.publish import publish
from api.rules import Policy
from api.store import reading, writing
from api.tables import idempotency, network_actions, outbox, penalties
from graph.errors import ConflictError


@pytest.fixture
def people(engine: Engine, platform: Platform, policy: Policy) -> Iterator[People]:
    """A served platform with one network fit to ban; nothing is carried out by itself."""
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        yield people


def approve(who: Caller, action_id: str, digest: str) -> tuple[int, str]:
    answer = who.post(f"/v1/network-actions/{action_id}:approve", {"digest": digest})
    return answer.status_code, answer.json().get("detail", "")


def test_a_preview_is_the_same_for_the_same_run_and_policy_and_does_nothing(people: People, engine: Engine) -> None:
    ann = people("ann")
    action_id = proposed(ann)
    first, second = previewed(ann, action_id), previewed(ann, action_id)
    assert (first["digest"], first["sample"]) == (second["digest"], second["sample"])
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(penalties)).scalar_one() == 0
        assert tx.execute(select(func.count()).select_from(outbox)).scalar_one() == 0


def test_a_new_run_that_changes_members_makes_the_action_stale(
    people: People, engine: Engine, platform: Platform, policy: Policy
) -> None:
    ann, bea = people("ann"), people("bea")
    action_id = proposed(ann)
    seen = previewed(ann, action_id)
    sample_reviewed(people("rob"), seen)
    fewer = [f"bot-n1-{i:04d}" for i in range(7)]
    publish(platform.run({"n1": fewer}), platform.place.log, engine, policy=policy, actor="test")
    status, detail = approve(bea, action_id, seen["digest"])
    assert (status, "1 members of network n1" in detail) == (409, True)
    assert state_of(ann, action_id) == "stale"
    assert approve(bea, action_id, seen["digest"])[0] == 409
    again = previewed(ann, action_id)
    assert (again["state"], again["counts"]["members"]) == ("previewed", 7)
    assert again["digest"] != seen["digest"]


def test_a_new_run_with_the_same_members_does_not(
    people: People, engine: Engine, platform: Platform, policy: Policy
) -> None:
    action_id = approved(people)
    same = [f"bot-n1-{i:04d}" for i in range(8)]
    publish(platform.run({"n1": same}), platform.place.log, engine, policy=policy, actor="test")
    assert people("bea").post(f"/v1/network-actions/{action_id}:execute").status_code == 202


@pytest.mark.parametrize("cause", ["review", "policy", "penalty"])
def test_drift_before_execution_makes_it_stale(
    people: People, engine: Engine, platform: Platform, policy: Policy, cause: str
) -> None:
    ann, bea = people("ann"), people("bea")
    if cause == "penalty":
        other = approved(people, action="restrict")
    action_id = approved(people)
    if cause == "review":
        ann.post("/v1/reviews", {"account_id": "bot-n1-0002", "decision": "genuine", "reason": "a friend"})
    elif cause == "policy":
        newer = changed_policy(("verdict_days: 30", "verdict_days: 31"))
        publish(platform.place.runs.all()[-1], platform.place.log, engine, policy=newer, actor="test")
    else:
        assert bea.post(f"/v1/network-actions/{other}:execute").status_code == 202
        carry_on(engine, other)
    refused = bea.post(f"/v1/network-actions/{action_id}:execute")
    assert refused.status_code == 409
    assert "preview again" in refused.json()["detail"]
    assert state_of(ann, action_id) == "stale"


def test_an_old_preview_expires(people: People, engine: Engine) -> None:
    ann = people("ann")
    action_id = proposed(ann)
    seen = previewed(ann, action_id)
    sample_reviewed(people("rob"), seen)
    with writing(engine) as tx:
        tx.execute(update(network_actions).values(previewed_at=now() - 4 * DAY))
    assert approve(people("bea"), action_id, seen["digest"])[0] == 409
    assert state_of(ann, action_id) == "expired"


def test_a_sample_that_disagrees_stops_the_action(people: People) -> None:
    ann, rob = people("ann"), people("rob")
    action_id = proposed(ann)
    seen = previewed(ann, action_id)
    accounts = seen["sample"]["accounts"]
    for i, account_id in enumerate(accounts):
        decision = "ai_hosted" if i < 2 else "registered_by_tool"
        body = {"account_id": account_id, "decision": decision, "reason": "looked", "action_id": action_id}
        assert rob.post("/v1/reviews", body).status_code == 201
    status, detail = approve(people("bea"), action_id, seen["digest"])
    assert status == 409
    assert "3 of 5 accounts agree, 4 are needed" in detail
    found = ann.get(f"/v1/network-actions/{action_id}").json()
    assert (found["state"], found["sample"]["agreeing"], found["sample"]["passed"]) == ("previewed", 3, False)


def test_only_accounts_of_the_sample_and_not_by_the_proposer(people: People) -> None:
    ann, rob = people("ann"), people("rob")
    action_id = proposed(ann)
    seen = previewed(ann, action_id)
    inside = seen["sample"]["accounts"][0]
    outside = next(f"bot-n1-{i:04d}" for i in range(8) if f"bot-n1-{i:04d}" not in seen["sample"]["accounts"])
    body = {"decision": "registered_by_tool", "reason": "looked", "action_id": action_id}
    assert rob.post("/v1/reviews", {**body, "account_id": outside}).status_code == 409
    assert ann.post("/v1/reviews", {**body, "account_id": inside}).status_code == 403
    assert rob.post("/v1/reviews", {**body, "account_id": inside, "action_id": "na-none"}).status_code == 404


def test_large_bans_need_two_people(engine: Engine, platform: Platform) -> None:
    strict = changed_policy(("two_approvals_above: 100", "two_approvals_above: 7"))
    publish(banned_network(platform), platform.place.log, engine, policy=strict, actor="test")
    with served(engine, carry_out=False) as people:
        ann, bea, cid = people("ann"), people("bea"), people("cid")
        action_id = proposed(ann)
        seen = previewed(ann, action_id)
        assert seen["approvals_needed"] == 2
        sample_reviewed(people("rob"), seen)
        assert approve(bea, action_id, seen["digest"])[0] == 200
        assert state_of(ann, action_id) == "previewed"
        assert bea.post(f"/v1/network-actions/{action_id}:execute").status_code == 409
        status, detail = approve(bea, action_id, seen["digest"])
        assert (status, "second person" in detail) == (409, True)
        second_key = Caller(people.http, auth.create(engine, "bea", ["action:approve"], actor="test"))
        assert approve(second_key, action_id, seen["digest"])[0] == 409, "another key is not another person"
        assert approve(cid, action_id, seen["digest"])[0] == 200
        assert ann.get(f"/v1/network-actions/{action_id}").json()["approvals"] == ["bea", "cid"]
        assert state_of(ann, action_id) == "approved"


def test_nobody_to_act_on_cannot_be_approved(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(platform.run({"n1": ["a", "b", "c"]}), platform.place.log, engine, policy=policy, actor="test")
    with served(engine, carry_out=False) as people:
        action_id = proposed(people("ann"), action="warn")
        seen = previewed(people("ann"), action_id)
        assert seen["counts"] == {"members": 3, "eligible": 0, "skipped": 3}
        status, detail = approve(people("bea"), action_id, seen["digest"])
        assert (status, "nobody to act on" in detail) == (409, True)


def test_ends(people: People) -> None:
    ann, bea = people("ann"), people("bea")
    cancelled, rejected = proposed(ann), proposed(ann)
    assert ann.post(f"/v1/network-actions/{cancelled}:cancel", {"reason": "mistake"}).json()["state"] == "cancelled"
    assert bea.post(f"/v1/network-actions/{rejected}:reject", {"reason": "no"}).json()["note"] == "no"
    for action_id in (cancelled, rejected):
        for verb, body in (("preview", None), ("approve", {"digest": "0" * 64}), ("execute", None)):
            assert bea.post(f"/v1/network-actions/{action_id}:{verb}", body).status_code == 409


def test_every_state_leads_only_where_the_table_says() -> None:
    known = set(states.NEXT)
    assert {s for after in states.NEXT.values() for s in after} <= known
    for state, after in states.NEXT.items():
        for wanted in known:
            if wanted in after:
                states.check("x", state, wanted)
            else:
                with pytest.raises(ConflictError, match=f"is {state}"):
                    states.check("x", state, wanted)


def test_one_key_sent_at_once_by_many_has_one_effect(people: People, engine: Engine) -> None:
    ann = people("ann")
    body = {"network_id": "n1", "action": "ban", "reason": "x"}
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ann.post("/v1/network-actions", body, idem="same"), range(48)))
    made = {a.json()["action_id"] for a in answers if a.status_code == 201}
    assert len(made) == 1
    assert {a.status_code for a in answers} <= {201, 409}
    assert all(a.headers["retry-after"] == "1" for a in answers if a.status_code == 409)
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(network_actions)).scalar_one() == 1
        assert tx.execute(select(func.count()).select_from(idempotency)).scalar_one() == 1


def test_one_key_in_two_processes_has_one_effect(people: People, engine: Engine) -> None:
    """Two servers on one store: the second waits for the first and answers the same."""
    ann = people("ann")
    body = {"network_id": "n1", "action": "ban", "reason": "x"}
    with served(engine, carry_out=False) as second:
        callers = [ann, Caller(second.http, ann.key)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(lambda i: callers[i % 2].post("/v1/network-actions", body, idem=f"k{i // 8}"), range(40))
            )
    assert {a.status_code for a in answers} <= {201, 409}
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(network_actions)).scalar_one() == 5


def test_a_failed_request_may_be_sent_again_under_its_key(people: People) -> None:
    ann = people("ann")
    action_id = proposed(ann)
    path = f"/v1/network-actions/{action_id}:execute"
    assert ann.post(path, idem="later").status_code == 409
    seen = previewed(ann, action_id)
    sample_reviewed(people("rob"), seen)
    assert approve(people("bea"), action_id, seen["digest"])[0] == 200
    assert ann.post(path, idem="later").status_code == 202
    assert ann.post(path, idem="later").headers["idempotent-replayed"] == "true"


def test_everything_done_is_in_the_audit_log(people: People, engine: Engine) -> None:
    action_id = approved(people)
    people("bea").post(f"/v1/network-actions/{action_id}:execute")
    rows = people("ann").get("/v1/audit").json()["rows"]
    mine = [(r["actor"], r["event"]) for r in rows if r["subject"] == action_id]
    assert mine == [
        ("ann", "action.proposed"),
        ("ann", "action.previewed"),
        ("bea", "action.approved"),
        ("bea", "action.executing"),
    ]
    assert sum(r["event"] == "account.reviewed" for r in rows) == 5
    assert verify_chain(engine) == len(rows)
    with reading(engine) as tx:
        assert actions.find(tx, action_id).state == "executing"
