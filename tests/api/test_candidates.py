"""Policies by people: one submits, every publication compares, another activates; and the network's own verdict."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from apikit import ALL, People, Platform, banned_network, changed_policy, served
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, update
from sqlalchemy.exc import DBAPIError

from api import candidates, judging, networks, shadows
from api.audit import verify_chain
from api.clock import now
from api.policy_schema import json_schema
from api.publish import publish
from api.rules import DEFAULT, Policy, load
from api.store import open_store, reading, writing
from api.tables import audit, policy_events, shadow_changes
from graph.errors import ConflictError, ShoalError
from graph.forgetting import wish_for
from graph.runs import Run

ROOT = Path(__file__).parents[2]
MILD = changed_policy(("  - hosting-tool-alpha\n", ""))  # frees the network that the shipped one would ban
KEEP = changed_policy(('version: "1"', 'version: "1b"'))  # another file that concludes the same


@pytest.fixture
def run(platform: Platform) -> Run:
    return banned_network(platform)


@pytest.fixture
def again(engine: Engine, platform: Platform, run: Run) -> Callable[[], Any]:
    """Publishes as the command does: under the policy that is in use."""

    def do(path: Path | None = None) -> Any:
        policy = candidates.for_publication(engine, path)
        return publish(run, platform.place.log, engine, policy=policy, actor="test")

    return do


@pytest.fixture
def people(engine: Engine) -> Iterator[People]:
    with served(engine, carry_out=False) as people:
        yield people


def submitted(people: People, policy: Policy = MILD, who: str = "ann") -> str:
    answer = people(who).post("/v1/policies", {"text": policy.text, "reason": "alpha is a scheduler after all"})
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/policies/{policy.sha256}"
    assert answer.json()["state"] == "candidate"
    return policy.sha256


def test_from_a_candidate_to_the_verdicts(people: People, again: Callable[[], Any], run: Run, engine: Engine) -> None:
    again()
    ann, bea = people("ann"), people("bea")
    sha256 = submitted(people)
    step = f"/v1/policies/{sha256}:activate"
    early = bea.post(step, {"reason": "yes", "publication_id": 1})
    assert early.status_code == 409
    assert "was not compared yet" in early.json()["detail"]

    report = again()
    assert (report.new, report.verdicts_written) == (False, 0), "comparing changes no verdict"
    assert [(len(s.changes), s.stricter) for s in report.shadows] == [(8, 0)]
    assert again().shadows == (), "compared at this publication already, and nothing is new"
    page = ann.get(f"/v1/policies/{sha256}/shadow", limit=5).json()
    assert page["shadow"]["moves"] == [{"before": "ban", "after": "watch", "accounts": 8}]
    assert len(page["changes"]) == 5
    rest = ann.get(f"/v1/policies/{sha256}/shadow", limit=5, cursor=page["next_cursor"]).json()
    assert [c["account_id"] for c in page["changes"] + rest["changes"]] == [f"bot-n1-{i:04d}" for i in range(8)]
    assert rest["next_cursor"] is None
    assert page["changes"][0]["reasons"], "what it would say"

    own = ann.post(step, {"reason": "yes", "publication_id": 1})
    assert own.status_code == 403
    assert "another person must activate it" in own.json()["detail"]
    other = bea.post(step, {"reason": "yes", "publication_id": 7})
    assert other.status_code == 409
    assert "read the shadow again" in other.json()["detail"]
    done = bea.post(step, {"reason": "agreed with legal", "publication_id": 1})
    assert done.status_code == 200, done.text
    assert done.json()["state"] == "active"
    assert [e["event"] for e in done.json()["events"]] == ["submitted", "activated"]
    assert ann.get("/v1/accounts/bot-n1-0000/verdict").json()["tier"] == "ban", "the next publication changes verdicts"
    assert not done.json()["published"]

    report = again()
    assert report.new
    assert ann.get("/v1/accounts/bot-n1-0000/verdict").json()["tier"] == "watch"
    assert ann.get("/v1/accounts/bot-n1-0000/verdict").json()["verdict"]["policy_sha256"] == sha256
    listed = {p["sha256"]: (p["state"], p["published"]) for p in ann.get("/v1/policies").json()["policies"]}
    assert listed == {load().sha256: ("unsubmitted", False), sha256: ("active", True)}
    assert ann.get(f"/v1/policies/{sha256}").json()["text"] == MILD.text
    with reading(engine) as tx:
        told = [(r.event, r.actor) for r in tx.execute(select(audit).where(audit.c.subject == sha256))]
    assert told == [("policy.submitted", "ann"), ("policy.compared", "test"), ("policy.activated", "bea")]
    verify_chain(engine)


def test_a_file_does_not_undo_what_two_people_decided(
    people: People, again: Callable[..., Any], engine: Engine, tmp_path: Path
) -> None:
    sha256 = submitted(people)
    assert people("bea").post(f"/v1/policies/{sha256}:activate", {"reason": "first", "publication_id": None}).is_success
    other, same = tmp_path / "other.yml", tmp_path / "same.yml"
    other.write_text(load().text)
    same.write_text(MILD.text)
    with pytest.raises(ConflictError, match=r"other\.yml is not the policy in use: bea activated version 1"):
        again(other)
    assert again(same).new
    assert candidates.for_publication(engine, None).sha256 == sha256


def test_what_is_activated_must_be_published_before_the_next(people: People, again: Callable[[], Any]) -> None:
    """Else the second would go into force without ever having been compared with the first."""
    again()
    first, second = submitted(people), submitted(people, KEEP)
    again()
    bea = people("bea")
    assert bea.post(f"/v1/policies/{first}:activate", {"reason": "x", "publication_id": 1}).is_success
    early = bea.post(f"/v1/policies/{second}:activate", {"reason": "x", "publication_id": 1})
    assert early.status_code == 409
    assert "is not published yet" in early.json()["detail"]
    again()
    assert bea.get(f"/v1/policies/{second}").json()["shadow"]["active_sha256"] == first
    assert bea.post(f"/v1/policies/{second}:activate", {"reason": "x", "publication_id": 2}).is_success
    assert bea.get(f"/v1/policies/{first}").json()["state"] == "retired"


def test_faults_and_limits(people: People, again: Callable[[], Any]) -> None:
    again()
    ann = people("ann")
    wrong = MILD.text.replace("platform_fact: hosting_tool", "platform_fax: hosting_tool")
    answer = ann.post("/v1/policies", {"text": wrong, "reason": "x"})
    assert answer.status_code == 422
    assert "line " in answer.json()["detail"]
    assert "there is no predicate 'platform_fax'" in answer.json()["detail"]
    prose = ann.post("/v1/policies", {"text": "be nice", "reason": "x"})
    assert "expected its sections" in prose.json()["detail"]
    lax = MILD.text.replace("ban:\n", "ban:\n  x: 1\n")
    assert ann.post("/v1/policies", {"text": lax, "reason": "x"}).status_code == 422
    sha256 = submitted(people)
    assert ann.post("/v1/policies", {"text": MILD.text, "reason": "x"}).status_code == 409
    for n in range(candidates.MAX_CANDIDATES - 1):
        submitted(people, changed_policy(('version: "1"', f'version: "2.{n}"')))
    full = ann.post("/v1/policies", {"text": KEEP.text, "reason": "x"})
    assert full.status_code == 409
    assert "withdraw one" in full.json()["detail"]
    again()
    assert ann.get(f"/v1/policies/{sha256}/shadow").json()["changes"]
    gone = ann.post(f"/v1/policies/{sha256}:withdraw", {"reason": "a mistake"})
    assert gone.json()["state"] == "withdrawn"
    assert ann.get(f"/v1/policies/{sha256}/shadow").json()["changes"] == []
    for step in (":withdraw", ":activate"):
        body = {"reason": "x"} | ({"publication_id": 1} if step == ":activate" else {})
        assert people("bea").post(f"/v1/policies/{sha256}{step}", body).status_code == 409
        assert people("bea").post(f"/v1/policies/{'0' * 64}{step}", body).status_code == 404
    assert ann.get(f"/v1/policies/{'0' * 64}").status_code == 404
    assert ann.get(f"/v1/policies/{'0' * 64}/shadow").status_code == 404
    submitted(people)  # again
    states = [p["state"] for p in ann.get("/v1/policies").json()["policies"]]
    assert sorted(states) == ["candidate"] * 5 + ["unsubmitted"]
    one = ann.get("/v1/policies", limit=4).json()
    two = ann.get("/v1/policies", limit=4, cursor=one["next_cursor"]).json()
    assert len({p["sha256"] for p in one["policies"] + two["policies"]}) == 6
    assert ann.get("/v1/policies", cursor="1.x").status_code == 422


def test_scopes(people: People) -> None:
    reader = people("reader", ("policy:read",))
    assert reader.get("/v1/policies").status_code == 200
    assert reader.post("/v1/policies", {"text": "x", "reason": "x"}).status_code == 403
    writer = people("writer", ("policy:write",))
    sha256 = submitted(people, who="writer")
    assert writer.get("/v1/policies").status_code == 403
    assert writer.post(f"/v1/policies/{sha256}:activate", {"reason": "x", "publication_id": None}).status_code == 403


def test_killed_before_comparing_the_next_publication_goes_on(
    people: People, again: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    again()
    first, second = submitted(people), submitted(people, KEEP)
    keep, kept = shadows.keep, []

    def dies(*arguments: Any) -> None:
        if kept:
            raise KeyboardInterrupt
        kept.append(keep(*arguments))

    monkeypatch.setattr(shadows, "keep", dies)
    with pytest.raises(KeyboardInterrupt):
        again()
    monkeypatch.undo()
    assert [s.candidate for s in again().shadows] == [second], "the one that was compared is not compared again"
    assert all(people("ann").get(f"/v1/policies/{p}").json()["shadow"] for p in (first, second))


def test_a_review_is_compared_again(people: People, again: Callable[[], Any]) -> None:
    """A verdict that changes between publications of one run: the candidates' shadows follow it."""
    again()
    sha256 = submitted(people)
    again()
    review = {"account_id": "bot-n1-0000", "decision": "genuine", "reason": "a person"}
    assert people("rob").post("/v1/reviews", review).is_success
    again()
    told = people("ann").get(f"/v1/policies/{sha256}/shadow").json()
    assert len(told["changes"]) == told["shadow"]["changed"] == 7
    assert {"before": "none", "after": "none", "accounts": 1} in told["shadow"]["moves"]


def test_forgetting_and_policies(engine: Engine, people: People, again: Callable[[], Any], tmp_path: Path) -> None:
    from api.forgetting import forget_decisions

    lists = changed_policy(("  - hosting-tool-alpha\n", ""), ("  accounts: []", "  accounts: [bot-n1-0003, vip]"))
    again()
    submitted(people, MILD)
    sha256 = submitted(people, lists)
    again()

    def forget(name: str) -> dict[str, list[str]]:
        wish = wish_for([name], None)
        return forget_decisions(engine, wish.names, wish.key, feed=tmp_path / "feed.jsonl", actor="test", models=[])

    with writing(engine) as tx:
        tx.execute(update(judging.accounts).values(facts=None))
    assert forget("bot-n1-0003") == {
        "bot-n1-0003": [f"policy 1 ({sha256[:12]}), which is a candidate, lists it as protected"]
    }
    assert people("ann").post(f"/v1/policies/{sha256}:withdraw", {"reason": "bot-n1-0003 asked"}).is_success
    assert forget("bot-n1-0003") == {}
    with reading(engine) as tx:
        assert "bot-n1-0003" not in candidates.one(tx, sha256)["text"]
        assert "vip" in candidates.one(tx, sha256)["text"]
        assert "bot-n1-0003" not in str(tx.execute(select(policy_events)).all())
        left = set(tx.execute(select(shadow_changes.c.account_id)).scalars())
    assert left == {f"bot-n1-{i:04d}" for i in range(8) if i != 3}
    verify_chain(engine)


def test_history_of_policies_cannot_be_changed(engine: Engine, people: People) -> None:
    submitted(people)
    with pytest.raises((DBAPIError, ShoalError)), writing(engine) as tx:
        tx.execute(update(policy_events).values(actor="somebody else"))


def test_commands(platform: Platform, run: Run, tmp_path: Path) -> None:
    engine = open_store(platform.place.root)
    from api.store import upgrade

    def shoal(*arguments: str, code: int = 0, **more: str) -> str:
        line = [sys.executable, "-m", "shoal", *arguments, "--dir", str(platform.place.root)]
        done = subprocess.run(line, cwd=ROOT, env={"PATH": "/usr/bin:/bin", **more}, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    upgrade(engine)
    shoal("publish", run.run_id)
    with writing(engine) as tx:
        candidates.submit(tx, MILD.text, actor="ann", reason="a scheduler", at=now())
    told = shoal("publish", run.run_id)
    assert f"Candidate policy {MILD.sha256[:12]}: 8 accounts would be judged otherwise, 0 more strictly." in told
    listed = shoal("policy", "list")
    assert "submitted by ann: a scheduler" in listed
    assert "at publication 1: 8 of 8 accounts would be judged otherwise" in listed
    assert json.loads(shoal("policy", "list", "--json"))["policies"][0]["sha256"] == MILD.sha256
    with writing(engine) as tx:
        candidates.activate(tx, MILD.sha256, publication_id=1, actor="bea", reason="yes", at=now())
    engine.dispose()
    file = tmp_path / "mine.yml"
    file.write_text(load().text)
    refused = shoal("publish", run.run_id, code=3, SHOAL_POLICY=str(file))
    assert "bea activated version 1" in refused
    assert shoal("policy", "show") == MILD.text
    assert shoal("policy", "show", "--published") == load().text
    assert "8 watch" in shoal("publish", run.run_id)


def test_the_schema_takes_what_ships_and_no_predicate_that_does_not_exist() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema).is_valid
    shipped = yaml.safe_load(DEFAULT.read_text())
    assert check(shipped)
    without = {k: v for k, v in shipped.items() if k != "rules"}
    assert check(without)
    assert not check({**shipped, "surprise": 1})
    for when, fine in (
        ({"label": "ai_hosted"}, True),
        ({"all": [{"not": {"inactive": True}}, {"in_network": {"min_size": 3}}]}, True),
        ({"label": "nonsense"}, False),
        ({"in_network": {"min_sise": 3}}, False),
        ({"label": "ai_hosted", "inactive": True}, False),
        ({"all": []}, False),
    ):
        question = {"name": "q", "at": ["watch"], "when": when, "text": "?"}
        assert check({**shipped, "rules": {**shipped["rules"], "questions": [question]}}) is fine, when


# ---- the network's own verdict, and what verdicts say of their evidence


def test_a_networks_verdict_is_cached_and_expires(people: People, again: Callable[[], Any], engine: Engine) -> None:
    ann, path = people("ann", ("verdict:read",)), "/v1/networks/n1/verdict"
    assert ann.get(path).json() == {"network_id": "n1", "known": False, "tier": "none", "verdict": None}
    again()
    first = ann.get(path)
    assert (first.json()["known"], first.json()["tier"]) == (True, "ban")
    assert first.json()["verdict"]["reasons"][0]["text"] == "Of its 8 members: 8 ban."
    headers = {"Authorization": f"Bearer {ann.key}", "If-None-Match": first.headers["etag"]}
    assert people.http.get(path, headers=headers).status_code == 304
    whole = people("bea", ALL).get("/v1/networks/n1")
    again_ = {"Authorization": f"Bearer {people('bea').key}", "If-None-Match": whole.headers["etag"]}
    assert people.http.get("/v1/networks/n1", headers=again_).status_code == 304
    with reading(engine) as tx:
        before, after = (judging.required(tx).expires_at + n for n in (-1, 0))
        assert networks.verdict(tx, "n1", before)["tier"] == "ban"
        late = networks.verdict(tx, "n1", after)
        assert (late["tier"], late["verdict"]["tier"], late["verdict"]["expired"]) == ("none", "ban", True)
        asked = {"after": None, "limit": 9, "min_size": None, "account_id": None}
        assert [n["tier"] for n in networks.listed(tx, **asked, min_tier=None, at=after)] == ["none"]
        assert networks.listed(tx, **asked, min_tier="watch", at=after) == []
        assert len(networks.listed(tx, **asked, min_tier="watch", at=before)) == 1


def test_strengths_and_the_model_behind_a_score(engine: Engine, platform: Platform, people: People) -> None:
    platform.accounts([{"account_id": "tool", "registration_client": "hosting-tool-alpha"}])
    platform.labels([{"account_id": "fan", "label": "ai_hosted", "source": "platform", "confidence": 1.0}])
    made = platform.run({"n1": ["tool", "b", "c"], "n2": ["fan", "d"]}, roles={"fan": "bridge"}, scores={"lone": 0.99})
    publish(made, platform.place.log, engine, policy=load(), actor="test")
    ann = people("ann")

    def said(name: str) -> Any:
        return ann.get(f"/v1/accounts/{name}/verdict").json()["verdict"]

    assert said("tool")["strengths"] == {"platform": "strong", "network": "strong"}
    assert said("fan")["strengths"] == {"platform": "weak", "network": "weak"}
    assert said("fan")["families"] == ["platform"], "what is weak for want of a role is no family"
    assert said("lone")["strengths"] == {"network": "weak"}
    assert said("tool")["model_sha256"] is None
    people("rob").post("/v1/reviews", {"account_id": "lone", "decision": "whole_history_ai", "reason": "read it"})
    assert said("lone")["strengths"] == {"review": "weak", "network": "weak"}
    people("sue").post("/v1/reviews", {"account_id": "lone", "decision": "whole_history_ai", "reason": "read it"})
    assert said("lone")["strengths"]["review"] == "strong"
    assert (made.path / "manifest.json").is_file()
    building = platform.place.runs.derive(made, {"train": {"seed": 1}})
    building.write_file("model.pt", b"a model")
    scored = building.finish(made.run_id, {"shoal": "test"})
    publish(scored, platform.place.log, engine, policy=KEEP, actor="test")
    assert scored.model_sha256 is not None
    assert said("tool")["model_sha256"] == scored.model_sha256
    # a review judges anew under the model of what is published
    people("rob").post("/v1/reviews", {"account_id": "b", "decision": "ai_hosted", "reason": "read it"})
    assert said("b")["model_sha256"] == scored.model_sha256


# ---- any order of events

THREE = (load(), MILD, KEEP)
STEPS = ["publish"] * 2 + ["submit"] * 4 + ["activate"] * 4 + ["withdraw", "nonsense"]
steps = st.lists(
    st.tuples(st.sampled_from(STEPS), st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 6)),
    min_size=30,
    max_size=30,
)


class Submissions:
    """People submit, withdraw and activate three policies, with publications in between; a plain account of it."""

    def __init__(self, engine: Engine, platform: Platform, run: Run) -> None:
        self.engine, self.platform, self.run = engine, platform, run
        self.submitter: dict[str, str] = {}
        self.decided: list[str] = []
        self.compared: dict[str, str] = {}
        self.published: tuple[int, str] | None = None
        self.refused: Counter[str] = Counter()

    @property
    def active(self) -> str | None:
        return self.decided[-1] if self.decided else None

    def publish(self, *_: Any) -> None:
        policy = candidates.for_publication(self.engine, None)
        assert policy.sha256 == (self.active or load().sha256)
        report = publish(self.run, self.platform.place.log, self.engine, policy=policy, actor="cron")
        self.published = (report.publication_id, policy.sha256)
        self.compared.update(dict.fromkeys(self.submitter, policy.sha256))

    def submit(self, who: str, which: int, _: int) -> None:
        policy = THREE[which]
        fine = policy.sha256 not in self.submitter and policy.sha256 != self.active
        with attempt(self.engine, fine) as tx:
            candidates.submit(tx, policy.text, actor=who, reason="x", at=now())
        if fine:
            self.submitter[policy.sha256] = who

    def withdraw(self, who: str, which: int, _: int) -> None:
        if self.submitter:
            sha256 = sorted(self.submitter)[which % len(self.submitter)]
            with attempt(self.engine, True) as tx:
                candidates.withdraw(tx, sha256, actor=who, reason="x", at=now())
            del self.submitter[sha256]
            self.compared.pop(sha256, None)

    def nonsense(self, who: str, which: int, _: int) -> None:
        sha256 = THREE[which].sha256
        if sha256 not in self.submitter:
            with attempt(self.engine, False) as tx:
                candidates.withdraw(tx, sha256, actor=who, reason="x", at=now())
            with attempt(self.engine, False) as tx:
                candidates.activate(tx, sha256, publication_id=None, actor=who, reason="x", at=now())

    def activate(self, who: str, which: int, luck: int) -> None:
        if not self.submitter:
            return
        sha256 = sorted(self.submitter)[which % len(self.submitter)]
        number, under = self.published or (None, None)
        against = {
            "own": self.submitter[sha256] == who,
            "stale": luck == 0 and number is not None,
            "not compared": number is not None and self.compared.get(sha256) != under,
            "another waits": number is not None and self.active not in (None, under),
        }
        seen = number - 1 if against["stale"] and number is not None else number
        with attempt(self.engine, not any(against.values())) as tx:
            candidates.activate(tx, sha256, publication_id=seen, actor=who, reason="x", at=now())
        if any(against.values()):
            if sum(against.values()) == 1:
                self.refused.update(name for name, found in against.items() if found)
            return
        self.decided.append(sha256)
        del self.submitter[sha256]
        self.compared.pop(sha256, None)

    def check(self) -> None:
        """What stands is what people did."""
        with reading(self.engine) as tx:
            told = candidates.described(tx, candidates.page(tx, None, 10))
            active = candidates.in_use(tx)
        assert {p["sha256"] for p in told if p["state"] == "candidate"} == set(self.submitter)
        assert [p["sha256"] for p in told if p["state"] == "active"] == ([self.active] if self.active else [])
        assert (active.sha256 if active else None) == self.active
        for policy in told:
            for before, after in zip(policy["events"], policy["events"][1:], strict=False):
                if after["event"] == "activated":
                    assert before["event"] == "submitted"
                    assert before["actor"] != after["actor"], "nobody activates what they submitted"


@contextmanager
def attempt(engine: Engine, fine: bool) -> Iterator[Any]:
    """A write transaction that is to succeed, or to be refused with one of Shoal's errors and leave nothing."""

    def rows() -> int:
        with reading(engine) as tx:
            return int(tx.execute(select(func.count()).select_from(audit)).scalar_one())

    before, refused = rows(), None
    try:
        with writing(engine) as tx:
            yield tx
    except ShoalError as error:
        refused = error
    assert (refused is None) is fine, refused
    assert rows() == before + fine


def test_any_order_of_submitting_comparing_and_activating(
    new_store: Callable[[], str], engine_name: str, platform: Platform, run: Run
) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=10 if engine_name == "sqlite" else 5,
        deadline=None,
        derandomize=True,
        phases=(Phase.generate,),
    )
    @given(steps)
    def holds(steps: list[tuple[str, str, int, int]]) -> None:
        engine = open_store(Path("unused"), new_store())
        here = Submissions(engine, platform, run)
        for name, who, which, luck in steps:
            getattr(here, name)(who, which, luck)
            here.check()
        verify_chain(engine)
        engine.dispose()
        seen.update(here.refused)
        seen["activated"] += len(here.decided)

    holds()
    assert set(seen) == {"activated", "own", "stale", "not compared", "another waits"}, "each met, and alone"
