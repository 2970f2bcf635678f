"""Forgetting in decisions: nothing names the account any more, what was decided stays, and the audit chain verifies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from apikit import ALL, Platform, approved, banned_network, proposed, served
from sqlalchemy import Engine, Text, cast, select, text, update
from sqlalchemy.exc import DBAPIError

from api import execution, worker
from api.audit import content_sha256, verify_chain
from api.forgetting import forget_decisions, held, record_retention
from api.publish import publish
from api.rules import Policy
from api.store import reading, writing
from api.tables import APPEND_ONLY, audit, metadata, penalties, reversals, targets, verdicts
from api.verdicts import history
from graph.errors import IntegrityError
from graph.forgetting import begin, forget_in_log, wish_for
from graph.workspace import Workspace

BOT = "bot-n1-0003"


def banned(engine: Engine, platform: Platform, policy: Policy) -> str:
    """A network that was banned through HTTP, delivered; returns the action."""
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        action_id = approved(people)
        people("rob").post("/v1/reviews", {"account_id": BOT, "decision": "ai_hosted", "reason": f"I saw {BOT}, twice"})
        assert people("ann").post(f"/v1/network-actions/{action_id}:execute").status_code == 202
        execution.carry_on(engine, action_id)
    worker.once(engine, platform.place)
    return action_id


def reversed_again(engine: Engine, platform: Platform, action_id: str) -> None:
    with served(engine) as people:
        answer = people("ann").post(f"/v1/network-actions/{action_id}:reverse", {"reason": "a mistake"})
        assert answer.status_code == 202, answer.text
        execution.carry_on(engine, action_id)
    worker.once(engine, platform.place)


def everything(engine: Engine, place: Workspace) -> str:
    """All rows of all tables, and the feed file, as one text."""
    with reading(engine) as tx:
        rows = [repr(tuple(row)) for t in metadata.sorted_tables for row in tx.execute(select(t))]
    feed = place.root / "feed.jsonl"
    return "\n".join([*rows, feed.read_text() if feed.exists() else ""])


def forget(engine: Engine, place: Workspace, names: list[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    wish = wish_for(names, None)
    feed = place.root / "feed.jsonl"
    return wish.names, forget_decisions(engine, wish.names, wish.key, feed=feed, actor="test", models=["run-1"])


def test_nothing_names_the_account_and_what_was_decided_stays(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    action_id = banned(engine, platform, policy)
    reversed_again(engine, platform, action_id)
    with reading(engine) as tx:
        old = tx.execute(select(penalties).where(penalties.c.account_id == BOT)).one()
        digest = tx.execute(text("SELECT digest FROM network_actions")).scalar_one()
        counts = {t.name: len(tx.execute(select(t)).all()) for t in metadata.sorted_tables}
        before = history(tx, "account", BOT, None, 10)
    length = verify_chain(engine)
    names, staying = forget(engine, platform.place, [BOT])
    assert staying == {}
    left = everything(engine, platform.place)
    for gone in (BOT, old.penalty_id, old.notice_id, digest):
        assert gone not in left
    other = names[BOT]
    assert verify_chain(engine) == length + 1
    with reading(engine) as tx:
        assert history(tx, "account", other, None, 10) == before
        now = {t.name: len(tx.execute(select(t)).all()) for t in metadata.sorted_tables}
        assert now == {
            **counts,
            "accounts": counts["accounts"] - 1,
            "members": counts["members"] - 1,
            "evidence": now["evidence"],
            "review_queue": now["review_queue"],
            "audit": counts["audit"] + 1,
        }
        penalty = tx.execute(select(penalties).where(penalties.c.account_id == other)).one()
        assert (penalty.tier, penalty.applied_at) == (old.tier, old.applied_at)
        assert tx.execute(select(reversals.c.at).where(reversals.c.penalty_id == penalty.penalty_id)).scalar_one()
        assert tx.execute(select(targets.c.state).where(targets.c.account_id == other)).scalar_one() == "reversed"
        said = tx.execute(text("SELECT reason FROM reviews WHERE decision = 'ai_hosted'")).scalar_one()
        assert said == f"I saw {other}, twice"
        last = tx.execute(select(audit).order_by(audit.c.seq.desc()).limit(1)).one()
    assert (last.event, last.subject, last.detail["models"]) == ("account.forgotten", other, ["run-1"])
    assert len(last.detail["rows"]) >= 4
    lines = [json.loads(line) for line in (platform.place.root / "feed.jsonl").read_text().splitlines()]
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert sum(line["account_id"] == other for line in lines) == 2


def test_a_redacted_row_hides_its_name_from_who_guesses(engine: Engine, platform: Platform, policy: Policy) -> None:
    banned(engine, platform, policy)
    reversed_again(engine, platform, _only_action(engine))
    with reading(engine) as tx:
        row = dict(tx.execute(select(audit).where(audit.c.subject == BOT)).mappings().first() or {})
    assert content_sha256(row) == row["hash"]
    names, _ = forget(engine, platform.place, [BOT])
    with reading(engine) as tx:
        now = dict(tx.execute(select(audit).where(audit.c.seq == row["seq"])).mappings().one())
    assert (now["subject"], now["nonce"], now["hash"]) == (names[BOT], None, row["hash"])
    assert content_sha256({**now, "subject": BOT, "detail": row["detail"]}) != row["hash"]


def test_an_edit_of_a_redacted_row_is_found(engine: Engine, platform: Platform, policy: Policy) -> None:
    banned(engine, platform, policy)
    reversed_again(engine, platform, _only_action(engine))
    names, _ = forget(engine, platform.place, [BOT])
    forget(engine, platform.place, ["bot-n1-0004"])
    verify_chain(engine)
    with writing(engine) as tx:
        if engine.dialect.name == "sqlite":
            tx.execute(text("DROP TRIGGER audit_no_update"))
        else:
            tx.execute(text("ALTER TABLE audit DISABLE TRIGGER ALL"))
        tx.execute(
            update(audit).where(audit.c.subject == names[BOT], audit.c.event == "account.reviewed").values(actor="eve")
        )
    with pytest.raises(IntegrityError, match="is not what was written"):
        verify_chain(engine)


def test_a_penalty_in_force_keeps_the_name_until_it_is_reversed(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    action_id = banned(engine, platform, policy)
    before = everything(engine, platform.place)
    _, staying = forget(engine, platform.place, [BOT])
    assert staying == {BOT: ["a ban is in force against it until it is reversed"]}
    assert everything(engine, platform.place) == before
    reversed_again(engine, platform, action_id)
    _, staying = forget(engine, platform.place, [BOT])
    assert staying == {}
    assert BOT not in everything(engine, platform.place)


def test_what_waits_for_delivery_keeps_the_name(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        people("rob").post("/v1/reviews", {"account_id": BOT, "decision": "genuine", "reason": "a shop"})
    with reading(engine) as tx:
        assert held(tx, BOT, 1) == ["1 messages about it wait for delivery (`shoal worker --once`)"]
        assert held(tx, "bot-n1-0001", 1) == []


def test_a_label_about_a_forgotten_account_does_not_enter_the_log(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    action_id = banned(engine, platform, policy)
    place = platform.place
    with place.writing():
        forget_in_log(place, begin(place, wish_for([BOT], None)))
    reversed_again(engine, platform, action_id)
    with place.log.connect() as connection:
        found = connection.execute(f"SELECT account_id = '{BOT}', count(*) FROM bans GROUP BY 1 ORDER BY 1").fetchall()
    assert found == [(False, 14)]


def test_publishing_after_forgetting_judges_no_pseudonym(engine: Engine, platform: Platform, policy: Policy) -> None:
    action_id = banned(engine, platform, policy)
    reversed_again(engine, platform, action_id)
    names, _ = forget(engine, platform.place, [BOT])
    members = [f"bot-n1-{i:04d}" for i in range(8) if f"bot-n1-{i:04d}" != BOT]
    publish(platform.run({"n1": members}), platform.place.log, engine, policy=policy, actor="test")
    with reading(engine) as tx:
        mine = select(verdicts).where(verdicts.c.subject_id == names[BOT], verdicts.c.cause == "publish")
        assert len(tx.execute(mine).all()) == 1  # the one of before
    verify_chain(engine)


def test_tables_refuse_changes_again_afterwards(engine: Engine, platform: Platform, policy: Policy) -> None:
    banned(engine, platform, policy)
    forget(engine, platform.place, ["bot-n1-0001"])
    for table in APPEND_ONLY:
        column = list(metadata.tables[table].columns)[1]
        with reading(engine) as tx:
            if not tx.execute(select(metadata.tables[table])).first():
                continue
        with pytest.raises(DBAPIError, match="append-only"), writing(engine) as tx:
            tx.execute(update(metadata.tables[table]).values({column: column}))


def test_an_error_in_between_changes_nothing(
    engine: Engine, platform: Platform, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    reversed_again(engine, platform, banned(engine, platform, policy))
    before = everything(engine, platform.place)

    def broken(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("api.forgetting._forget_audit", broken)
    monkeypatch.setattr("api.forgetting._forget_feed", lambda *_: None)
    with pytest.raises(RuntimeError):
        forget(engine, platform.place, [BOT])
    assert everything(engine, platform.place) == before
    with pytest.raises(DBAPIError, match="append-only"), writing(engine) as tx:
        tx.execute(update(audit).values(actor="eve"))


def test_ids_of_any_script_and_like_patterns(engine: Engine, platform: Platform, policy: Policy) -> None:
    names = ["账号_50%", "a_b", 'quo"te\\']
    publish(platform.run({"n1": names}), platform.place.log, engine, policy=policy, actor="test")
    with served(engine) as people:
        for name in [*names, "aXb"]:
            body = {"account_id": name, "decision": "unsure", "reason": f"about {name}."}
            assert people("rob", ALL).post("/v1/reviews", body).status_code == 201
    forget(engine, platform.place, names)
    with reading(engine) as tx:
        left = " ".join(row for (row,) in tx.execute(select(cast(audit.c.detail, Text)))) + " "
        left += " ".join(tx.execute(text("SELECT account_id || reason FROM reviews")).scalars())
    assert "a_b" not in left
    assert "账号" not in left
    assert "\\u8d26" not in left
    assert "quo" not in left
    assert "aXb" in left
    verify_chain(engine)


def test_retention_is_in_the_audit_log(engine: Engine) -> None:
    record_retention(engine, 1_790_000_000_000_000, "ann")
    with reading(engine) as tx:
        row = tx.execute(select(audit)).one()
    assert (row.event, row.subject) == ("events.forgotten", "before 2026-09-21T14:13:20.000000Z")


def _only_action(engine: Engine) -> str:
    with reading(engine) as tx:
        return str(tx.execute(text("SELECT action_id FROM network_actions")).scalar_one())


def test_the_feed_alone_is_rewritten_where_a_killed_call_left_it(tmp_path: Path, engine: Engine) -> None:
    """The feed goes first: if the transaction is lost, the next call finds the same names in both."""
    place = Workspace(tmp_path)
    line = {
        "seq": 1,
        "type": "penalty.applied",
        "account_id": BOT,
        "penalty_id": "pn-" + "1" * 32,
        "notice_id": "nt-" + "2" * 32,
        "event_id": "penalty.applied:pn-" + "1" * 32,
        "reasons": [f"{BOT} did it"],
    }
    (tmp_path / "feed.jsonl").write_text(
        json.dumps(line) + "\n" + json.dumps({**line, "seq": 2, "account_id": "x"}) + "\n"
    )
    names, _ = forget(engine, place, [BOT])
    lines = [json.loads(x) for x in (tmp_path / "feed.jsonl").read_text().splitlines()]
    assert lines[0]["account_id"] == names[BOT]
    assert lines[0]["event_id"] == f"penalty.applied:{lines[0]['penalty_id']}" != line["event_id"]
    assert lines[0]["reasons"] == [f"{names[BOT]} did it"]
    assert lines[1]["account_id"] == "x"
    assert [x["seq"] for x in lines] == [1, 2]


def test_proposing_goes_on_for_the_others(engine: Engine, platform: Platform, policy: Policy) -> None:
    publish(banned_network(platform), platform.place.log, engine, policy=policy, actor="test")
    forget(engine, platform.place, [BOT])
    with served(engine) as people:
        action_id = proposed(people("ann"))
        seen = people("ann").post(f"/v1/network-actions/{action_id}:preview").json()
    assert seen["counts"]["members"] == 7
