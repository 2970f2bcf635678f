"""Publishing: one transaction, nothing twice, and the same verdicts whatever accounts are called."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import pytest
from apikit import DAY, SINCE, UNTIL, Platform, banned_network, changed_policy
from sqlalchemy import Engine, func, select

from api import publish as publishing
from api import reviews, verdicts
from api.clock import now
from api.publish import PublishReport, publish
from api.rules import Policy
from api.store import reading, writing
from api.tables import accounts, audit, evidence, members, metadata, networks, publications, review_queue
from graph.errors import IntegrityError
from graph.runs import Run


def sizes(engine: Engine) -> dict[str, int]:
    with reading(engine) as tx:
        return {t.name: tx.execute(select(func.count()).select_from(t)).scalar_one() for t in metadata.sorted_tables}


def tiers(engine: Engine, names: list[str], at: int | None = None) -> dict[str, str]:
    with reading(engine) as tx:
        return {name: v["tier"] for name, v in verdicts.of_accounts(tx, names, at or now()).items()}


def put(platform: Platform, run: Run, engine: Engine, policy: Policy, at: int | None = None) -> PublishReport:
    return publish(run, platform.place.log, engine, policy=policy, actor="test", now=at)


def test_the_same_run_and_policy_twice_writes_nothing_new(engine: Engine, platform: Platform, policy: Policy) -> None:
    run = banned_network(platform)
    assert put(platform, run, engine, policy).new
    before = sizes(engine)
    again = put(platform, run, engine, policy)
    assert (again.new, again.verdicts_written) == (False, 0)
    assert sizes(engine) == before


def test_a_new_run_with_the_same_conclusions_writes_no_verdicts(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    put(platform, banned_network(platform), engine, policy)
    before = sizes(engine)
    report = put(platform, platform.run({"n1": [f"bot-n1-{i:04d}" for i in range(8)]}), engine, policy)
    assert (report.new, report.verdicts_written) == (True, 0)
    assert sizes(engine)["verdicts"] == before["verdicts"]
    assert sizes(engine)["networks"] == before["networks"] + 1


def test_a_tampered_run_is_refused_and_nothing_is_written(engine: Engine, platform: Platform, policy: Policy) -> None:
    run = banned_network(platform)
    file = run.path / "clusters.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    before = sizes(engine)
    with pytest.raises(IntegrityError, match=r"clusters\.parquet"):
        put(platform, run, engine, policy)
    assert sizes(engine) == before


def test_it_is_one_transaction(
    engine: Engine, platform: Platform, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sizes(engine)

    def die(*_arguments: Any) -> int:
        raise RuntimeError("died at the last step")

    monkeypatch.setattr(publishing, "_queue", die)
    with pytest.raises(RuntimeError):
        put(platform, banned_network(platform), engine, policy)
    assert sizes(engine) == before


def test_known_and_unknown_accounts(engine: Engine, platform: Platform, policy: Policy) -> None:
    put(platform, banned_network(platform), engine, policy)
    with reading(engine) as tx:
        found = verdicts.of_accounts(tx, ["bot-n1-0000", "person-1", "nobody"], now())
    assert [found[n]["known"] for n in ("bot-n1-0000", "person-1", "nobody")] == [True, True, False]
    assert found["person-1"]["verdict"] is None
    assert [found[n]["tier"] for n in ("bot-n1-0000", "person-1", "nobody")] == ["ban", "none", "none"]


def test_many_together_are_answered_as_each_alone(engine: Engine, platform: Platform, policy: Policy) -> None:
    """They are read by other statements; none of a batch may have a verdict, or all, or one."""
    put(platform, banned_network(platform), engine, policy)
    names = ["bot-n1-0000", "bot-n1-0001", "person-1", "person-2", "nobody", "no one"]
    at = now()
    with reading(engine) as tx:
        alone = {name: verdicts.of_accounts(tx, [name], at)[name] for name in names}
        for size in range(len(names) + 1):
            for some in combinations(names, size):
                assert verdicts.of_accounts(tx, some, at) == {name: alone[name] for name in some}


def test_verdicts_expire_when_read_and_live_on_when_confirmed(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    begun = now()
    put(platform, banned_network(platform), engine, policy, begun)
    name = "bot-n1-0000"
    assert tiers(engine, [name], begun + 29 * DAY) == {name: "ban"}
    assert tiers(engine, [name], begun + 30 * DAY) == {name: "none"}
    put(platform, platform.run({"n1": [f"bot-n1-{i:04d}" for i in range(8)]}), engine, policy, begun + 10 * DAY)
    assert tiers(engine, [name], begun + 39 * DAY) == {name: "ban"}


def test_who_leaves_a_network_is_judged_anew(engine: Engine, platform: Platform, policy: Policy) -> None:
    put(platform, platform.run({"n1": ["a", "b", "c", "d"]}), engine, policy)
    assert tiers(engine, ["a", "d"]) == {"a": "watch", "d": "watch"}
    put(platform, platform.run({"n1": ["a", "b", "c"]}, others=["d"]), engine, policy)
    assert tiers(engine, ["a", "d"]) == {"a": "watch", "d": "none"}
    with reading(engine) as tx:
        assert [v["tier"] for v in verdicts.history(tx, "account", "d", None, 10)] == ["none", "watch"]


def test_another_policy_is_another_publication(engine: Engine, platform: Platform, policy: Policy) -> None:
    run = banned_network(platform)
    put(platform, run, engine, policy)
    stricter = changed_policy(("- hosting-tool-alpha", "- some-other-tool"), ('version: "1"', 'version: "2"'))
    report = put(platform, run, engine, stricter)
    assert report.new
    assert tiers(engine, ["bot-n1-0000"]) == {"bot-n1-0000": "watch"}


def test_only_labels_of_the_platform_before_the_window_end_count(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    given = [
        ("by-platform", "whole_history_ai", "platform", SINCE, None),
        ("too-late", "whole_history_ai", "platform", UNTIL, None),
        ("doubtful", "whole_history_ai", "platform", SINCE, 0.5),
        ("by-truth", "whole_history_ai", "truth", SINCE, 1.0),
        ("by-report", "whole_history_ai", "report", SINCE, 1.0),
        ("reviewed-outside", "whole_history_ai", "review", SINCE, 1.0),
        ("own-review", "whole_history_ai", "review", SINCE, 1.0),
    ]
    platform.labels(
        [
            {"account_id": a, "label": label, "source": s, "at": at, "confidence": c}
            | ({"label_id": "decision:rv-1"} if a == "own-review" else {})
            for a, label, s, at, c in given
        ]
    )
    names = [g[0] for g in given]
    put(platform, platform.run({"n1": names}), engine, policy)
    expected = dict.fromkeys(names, "watch") | {"by-platform": "ban", "reviewed-outside": "restrict"}
    assert tiers(engine, names) == expected


def test_networks_members_and_evidence_are_kept(engine: Engine, platform: Platform, policy: Policy) -> None:
    put(platform, platform.run({"n1": [f"a{i:02d}" for i in range(30)], "n2": ["x", "y", "z"]}), engine, policy)
    with reading(engine) as tx:
        assert tx.execute(select(networks.c.network_id, networks.c.tier).order_by(networks.c.network_id)).all() == [
            ("n1", "watch"),
            ("n2", "watch"),
        ]
        assert tx.execute(select(func.count()).select_from(members)).scalar_one() == 33
        kept = tx.execute(select(evidence).where(evidence.c.network_id == "n1").order_by(evidence.c.position)).all()
    assert [row.position for row in kept] == list(range(1, 21)), "bounded"
    assert [row.object_accounts for row in kept] == sorted(row.object_accounts for row in kept), "rarest first"


def test_the_review_queue_has_what_the_policy_and_the_model_ask_for(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    put(platform, platform.run({"n1": ["a", "b", "c"]}, suggestions={"maybe": 0.5, "sure": 0.1}), engine, policy)
    with reading(engine) as tx:
        order = tx.execute(select(review_queue.c.account_id).order_by(review_queue.c.priority.desc(), "account_id"))
        assert list(order.scalars()) == ["a", "b", "c", "maybe", "sure"]


AGAIN = {
    "network_id": "n1",
    "banned_network_id": "n0",
    "matched_by": ["template", "target"],
    "p_value": 1e-9,
    "templates": 4,
    "devices": 0,
    "targets": 12,
    "new_accounts": 3,
    "banned_accounts": 9,
    "banned_at": SINCE,
}


def test_a_reborn_network_comes_first_within_its_tier_and_its_tier_is_what_it_was(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    """Nor does it come before those with a higher tier; whom it trails is not moved."""
    platform.labels([{"account_id": "x", "label": "whole_history_ai", "source": "platform"}])
    found = {"n1": ["a", "b", "victim"], "n2": ["c", "d", "e"]}
    kept: dict[str, list[dict[str, Any]]] = {}
    for reborn in ([], [AGAIN]):
        run = platform.run(
            found, roles={"victim": "followed"}, scores={"a": 0.1, "c": 0.99}, others=["x"], reborn=reborn
        )
        put(platform, run, engine, policy)
        with reading(engine) as tx:
            shown = tx.execute(select(networks.c.network_id, networks.c.tier, networks.c.reborn)).all()
            queue = tx.execute(select(review_queue).order_by(review_queue.c.priority.desc(), "account_id")).all()
            said = verdicts.of_accounts(tx, ["a", "b", "victim", "c"], now())
        tier = {name: (v["tier"], v["verdict"]["version"], v["verdict"]["reasons"]) for name, v in said.items()}
        kept["again" if reborn else "before"] = [tier, [r.account_id for r in queue], shown, queue]
    before, again = kept["before"], kept["again"]
    assert again[0] == before[0], "no new version, no other reason"
    assert before[1] == ["x", "c", "a", "b", "d", "e", "victim"]
    assert again[1] == ["x", "a", "b", "c", "d", "e", "victim"]
    reason = {r.account_id: r.reason for r in again[3]}
    assert "It may be network n0 again" in reason["a"]
    assert "n0" not in reason["victim"]
    newest = {r.network_id: r.reborn for r in again[2] if r.reborn}
    assert newest["n1"][0]["banned_network_id"] == "n0"


def test_a_run_without_behaviour_harms_nobody(engine: Engine, platform: Platform, policy: Policy) -> None:
    """Missing signals fail closed."""
    run = banned_network(platform)
    bare = platform.place.runs.begin({"window": {"since": SINCE, "until": UNTIL}, "bare": True})
    for name in ("clusters", "networks"):
        bare.write(name, run.table(name))
    put(platform, bare.finish(None, {}), engine, policy)
    assert set(tiers(engine, [f"bot-n1-{i:04d}" for i in range(8)]).values()) == {"watch"}


def everything(platform: Platform, rename: dict[str, str], order: random.Random) -> Run:
    """One platform with all kinds of accounts, under given names and in a given order."""
    names = sorted(rename)
    r = rename.__getitem__
    found = [
        {"account_id": r("tool-1"), "registration_client": "hosting-tool-alpha"},
        {"account_id": r("tool-2"), "registration_client": "hosting-tool-beta", "declared_automation": True},
        {"account_id": r("brand"), "verified_role": "brand"},
    ]
    order.shuffle(found)
    platform.accounts(found)
    marks = [
        {"account_id": r("labelled"), "label": "whole_history_ai", "source": "platform"},
        {"account_id": r("sometimes"), "label": "ai_hosted", "source": "platform"},
    ]
    order.shuffle(marks)
    platform.labels(marks)
    members_ = [r(n) for n in names]
    order.shuffle(members_)
    roles = {r("framed"): "followed", r("between"): "bridge"}
    return platform.run(
        {"n1": members_}, roles=roles, organic={r("fan"): 0.99}, scores={r("fan"): 0.99, r("tool-1"): 0.2}
    )


NAMES = ["tool-1", "tool-2", "brand", "labelled", "sometimes", "framed", "between", "fan", "plain"]


@pytest.mark.parametrize("seed", [1, 2])
def test_renaming_accounts_and_permuting_rows_changes_no_verdict(
    engine: Engine, tmp_path: Any, policy: Policy, seed: int
) -> None:
    from graph.workspace import Workspace

    order = random.Random(seed)
    fresh = [f"账号-{order.randrange(10**9)}" for _ in NAMES]
    found = []
    for i, rename in enumerate((dict(zip(NAMES, NAMES, strict=True)), dict(zip(NAMES, fresh, strict=True)))):
        place = Platform(Workspace(tmp_path / f"p{i}"))
        put(place, everything(place, rename, order), engine, policy)
        found.append([tiers(engine, [rename[n]])[rename[n]] for n in NAMES])
    assert found[0] == found[1]
    assert dict(zip(NAMES, found[0], strict=True)) == {
        "tool-1": "ban",
        "tool-2": "watch",
        "brand": "watch",
        "labelled": "ban",
        "sometimes": "warn",
        "framed": "watch",
        "between": "watch",
        "fan": "watch",
        "plain": "watch",
    }


def test_a_review_judges_at_once_and_the_next_publication_agrees(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    put(platform, platform.run({"n1": ["a", "b", "c"]}, others=["far"]), engine, policy)

    def review(who: str, account_id: str, decision: str) -> str | None:
        with writing(engine) as tx:
            return reviews.record(
                tx, reviewer=who, account_id=account_id, decision=decision, reason="saw", action_id=None, at=now()
            ).tier

    assert review("rob", "a", "whole_history_ai") == "restrict"
    assert review("rob", "a", "whole_history_ai") == "restrict", "one person is one reviewer"
    assert review("sue", "a", "whole_history_ai") == "ban"
    assert review("rob", "b", "genuine") == "none"
    assert review("rob", "far", "ai_hosted") == "watch", "what could protect it is not known before it is published"
    assert tiers(engine, ["a", "b", "far"]) == {"a": "ban", "b": "none", "far": "watch"}
    put(platform, platform.run({"n1": ["a", "b", "c"]}, others=["far"]), engine, policy)
    assert tiers(engine, ["a", "b", "far"]) == {"a": "ban", "b": "none", "far": "warn"}
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(publications)).scalar_one() == 2
        logged = list(tx.execute(select(audit.c.event)).scalars())
    assert logged.count("account.reviewed") == 5


def test_twenty_thousand_accounts_take_seconds(engine: Engine, platform: Platform, policy: Policy) -> None:
    import time

    farms = {f"n{i:03d}": [f"bot-{i:03d}-{j:03d}" for j in range(40)] for i in range(50)}
    platform.accounts(
        [{"account_id": a, "registration_client": "hosting-tool-alpha"} for m in farms.values() for a in m]
    )
    run = platform.run(farms, others=[f"person-{i:05d}" for i in range(18_000)])
    began = time.monotonic()
    report = put(platform, run, engine, policy)
    took = time.monotonic() - began
    assert (report.known_accounts, report.judged, report.tiers) == (20_000, 2_000, {"ban": 2_000})
    with reading(engine) as tx:
        assert tx.execute(select(func.count()).select_from(accounts)).scalar_one() == 20_000
    assert took < 60, f"{took:.1f} s"


def test_what_a_model_of_texts_says_leads_to_watch_and_a_review_at_most(
    engine: Engine, platform: Platform, policy: Policy
) -> None:
    members_ = [f"bot-n1-{i:04d}" for i in range(8)]
    spoken = {
        "writer": (20, 0.95),
        "terse": (19, 1.0),
        "human": (90, 0.89),
        "silent": (4, None),
        members_[0]: (50, 1.0),
    }
    put(platform, platform.run({"n1": members_}, others=list(spoken), text_scores=spoken), engine, policy)
    found = tiers(engine, [*spoken, members_[1]])
    assert found == {"writer": "watch", "terse": "none", "human": "none", "silent": "none"} | dict.fromkeys(
        members_[:2], "watch"
    )
    with reading(engine) as tx:
        writer, member = (verdicts.history(tx, "account", name, None, 9)[0] for name in ("writer", members_[0]))
        queued = set(tx.execute(select(review_queue.c.account_id)).scalars())
    assert "writer" in queued
    assert writer["families"] == []
    assert "text" in {reason["code"] for reason in writer["reasons"]}
    assert member["families"] == ["network"], "with texts a network member has no second family"
    off = changed_policy(("watch_share: 0.9", "watch_share: null"))
    put(platform, platform.run({"n1": members_}, others=list(spoken), text_scores=spoken), engine, off)
    assert tiers(engine, ["writer"]) == {"writer": "none"}
