"""The policy as a pure function: what leads to which tier, and what can never do so."""

from __future__ import annotations

import re
from typing import Any

import pytest
from apikit import DAY, changed_policy
from hypothesis import given, settings
from hypothesis import strategies as st

from api.facts import AccountFacts, LabelFact, NetworkFact, ReviewFact
from api.policy import judge, rank
from api.rules import DEFAULT, load, parse
from graph.errors import InputError

POLICY = load()
NOW = 1_790_000_000_000_000
TOOL = POLICY.hosting_tools[0]
MEMBER = NetworkFact(network_id="n1", role="core", size=40, days=9, stability=0.9)


def facts(**given_: Any) -> AccountFacts:
    base: dict[str, Any] = {"as_of": NOW, "run_age_days": 1.0, "in_window": True, "organic_share": 0.2}
    return AccountFacts(**{**base, **given_})


def label(name: str, days_ago: float = 1) -> LabelFact:
    return LabelFact.model_validate({"label": name, "at": NOW - int(days_ago * DAY)})


def review(decision: str, reviewer: str = "rob", days_ago: float = 1) -> ReviewFact:
    return ReviewFact.model_validate({"reviewer": reviewer, "decision": decision, "at": NOW - int(days_ago * DAY)})


WRITES: dict[str, Any] = {"text_share": 1.0, "texts_scored": 500}
AGREED = (review("whole_history_ai", "rob"), review("whole_history_ai", "sue"))


@pytest.mark.parametrize(
    ("given_", "tier", "families"),
    [
        ({}, "none", ()),
        ({"network": MEMBER}, "watch", ("network",)),
        ({"score": 0.99, "score_target": "coordinated"}, "watch", ()),
        ({"score": 0.99, "score_target": "ai_hosted", "network": MEMBER}, "watch", ("network",)),
        ({"score": 0.5, "score_target": "ai_hosted"}, "none", ()),
        ({"score": 0.99, "score_target": "something"}, "none", ()),
        ({"registration_client": TOOL}, "restrict", ("platform",)),
        ({"registration_client": TOOL, "network": MEMBER}, "ban", ("platform", "network")),
        ({"registration_client": "a-scheduler", "network": MEMBER}, "watch", ("network",)),
        ({"labels": (label("registered_by_tool"),), "network": MEMBER}, "ban", ("platform", "network")),
        ({"labels": (label("whole_history_ai"),)}, "restrict", ("platform",)),
        ({"labels": (label("whole_history_ai"),), "network": MEMBER}, "ban", ("platform", "network")),
        ({"labels": (label("whole_history_ai"),), "reviews": AGREED[:1]}, "ban", ("platform", "review")),
        ({"reviews": AGREED}, "restrict", ("review",)),
        ({"reviews": AGREED, "network": MEMBER}, "ban", ("review", "network")),
        ({"reviews": AGREED[:1], "network": MEMBER}, "restrict", ("review", "network")),
        ({"reviews": AGREED[:1]}, "warn", ("review",)),
        ({"reviews": (review("ai_hosted"),)}, "warn", ("review",)),
        ({"reviews": (review("ai_hosted"), review("ai_hosted", "sue"))}, "warn", ("review",)),
        ({"reviews": (review("ai_hosted"), review("ai_hosted", "sue", 40))}, "restrict", ("review",)),
        ({"reviews": (review("ai_hosted"), review("ai_hosted", "sue", 400))}, "warn", ("review",)),
        ({"labels": (label("ai_hosted"),)}, "warn", ("platform",)),
        ({"labels": (label("ai_hosted"), label("ai_hosted", 60))}, "restrict", ("platform",)),
        ({"reviews": (review("unsure"),)}, "none", ()),
        ({**WRITES}, "watch", ()),
        ({**WRITES, "texts_scored": 19}, "none", ()),
        ({**WRITES, "text_share": 0.89}, "none", ()),
        ({**WRITES, "run_age_days": 15.0}, "none", ()),
        ({**WRITES, "network": MEMBER, "score": 1.0, "score_target": "ai_hosted"}, "watch", ("network",)),
        ({**WRITES, "registration_client": TOOL}, "restrict", ("platform",)),
        ({**WRITES, "reviews": AGREED}, "restrict", ("review",)),
        ({**WRITES, "labels": (label("ai_hosted"),)}, "warn", ("platform",)),
    ],
)
def test_tiers(given_: dict[str, Any], tier: str, families: tuple[str, ...]) -> None:
    found = judge(facts(**given_), POLICY)
    assert (found.tier, found.families) == (tier, families)
    assert all(reason.text.endswith(".") for reason in found.reasons)
    assert (tier == "none") or found.reasons


@given(st.builds(lambda **found: found, text_share=st.floats(0, 1), texts_scored=st.integers(0, 10**6)), st.data())
@settings(max_examples=300, deadline=None)
def test_what_somebody_writes_never_adds_more_than_watch(writes: dict[str, Any], data: st.DataObject) -> None:
    """Whatever else there is: with texts a judgement is the same, or `watch` where there was none."""
    found = data.draw(anybody)
    silent = found.model_copy(update={"text_share": None})
    without, with_texts = judge(silent, POLICY), judge(found.model_copy(update=writes), POLICY)
    assert with_texts.families == without.families
    assert with_texts.tier == without.tier or (without.tier, with_texts.tier) == ("none", "watch")
    assert all(reason in with_texts.reasons for reason in without.reasons)


def test_a_policy_can_leave_texts_out_and_cannot_make_more_of_them() -> None:
    off = changed_policy(("watch_share: 0.9", "watch_share: null"))
    assert judge(facts(**WRITES), off).tier == "none"
    older = parse(re.sub(r"\ntexts:\n(  .*\n)+", "\n", POLICY.text), "older.yml")
    assert judge(facts(**WRITES), older).tier == "none", "a policy without the section knows nothing of texts"
    found = judge(facts(**WRITES), POLICY)
    assert [(reason.code, reason.family) for reason in found.reasons] == [("text", "text")]
    assert found.review is not None
    assert "proves nothing" in found.review


GRAVE = {"registration_client": TOOL, "network": MEMBER}


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ({"declared_automation": True}, "declared_automation"),
        ({"verified_role": "customer_service"}, "verified_role"),
        ({"organic_share": 0.99}, "organic_history"),
        ({"organic_share": None}, "organic_history"),
        ({"protected": True}, "protected"),
        ({"in_window": False}, "no_behaviour"),
        ({"facts_complete": False}, "facts_missing"),
        ({"network": MEMBER.model_copy(update={"role": "followed"})}, "shadowed"),
    ],
)
def test_what_protects_an_account_holds_it_at_watch(given_: dict[str, Any], code: str) -> None:
    found = judge(facts(**{**GRAVE, **given_}), POLICY)
    assert found.tier == "watch"
    assert code in found.protections
    assert found.review is not None


def test_agreeing_reviewers_lift_what_protects_until_reviewed() -> None:
    victim = {**GRAVE, "network": MEMBER.model_copy(update={"role": "followed"}), "organic_share": 0.99}
    assert judge(facts(**victim), POLICY).tier == "watch"
    assert judge(facts(**victim, reviews=AGREED[:1]), POLICY).tier == "watch"
    assert judge(facts(**victim, reviews=AGREED), POLICY).tier == "ban"
    assert judge(facts(**victim, reviews=AGREED, declared_automation=True), POLICY).tier == "watch"
    assert judge(facts(**victim, reviews=AGREED, protected=True), POLICY).tier == "watch"


def test_genuine_clears_and_cools_off() -> None:
    everything = {**GRAVE, "reviews": (*AGREED, review("genuine", "tom", 0.5))}
    found = judge(facts(**everything), POLICY)
    assert (found.tier, found.protections) == ("none", ("found_genuine",))
    later = judge(facts(**{**everything, "as_of": NOW + 200 * DAY}), POLICY)
    assert later.families == ("platform", "network"), "after cooling off only newer findings and lasting facts count"
    taken_back = (*everything["reviews"], review("unsure", "tom", 0.1))
    assert judge(facts(**{**everything, "reviews": taken_back}), POLICY).tier == "ban"
    assert judge(facts(**GRAVE, labels=(label("genuine"),)), POLICY).tier == "none"


def test_a_reviewer_counts_once_and_may_take_a_decision_back() -> None:
    same = (review("whole_history_ai", "rob", 1), review("whole_history_ai", "rob", 2))
    assert judge(facts(reviews=same, network=MEMBER), POLICY).tier == "restrict"
    back = (*AGREED, review("unsure", "sue", 0.1))
    assert judge(facts(reviews=back, network=MEMBER), POLICY).tier == "restrict"


def test_stale_or_weak_networks_are_no_evidence() -> None:
    assert judge(facts(**GRAVE, run_age_days=15.0), POLICY).tier == "restrict"
    assert judge(facts(network=MEMBER, run_age_days=15.0), POLICY).tier == "none"
    for change in ({"role": "bridge"}, {"stability": 0.1}, {"size": 2}):
        weak = MEMBER.model_copy(update=change)
        assert judge(facts(network=weak), POLICY).tier == "watch"
        assert judge(facts(registration_client=TOOL, network=weak), POLICY).tier == "restrict"


times = st.integers(NOW - 500 * DAY, NOW)
networks = st.none() | st.builds(
    NetworkFact,
    network_id=st.sampled_from(["n1", "n2"]),
    role=st.sampled_from(["core", "periphery", "bridge", "followed", "unknown"]),
    size=st.integers(2, 500),
    days=st.integers(0, 28),
    stability=st.floats(0, 1),
)
labels = st.lists(
    st.builds(LabelFact, label=st.sampled_from(["ai_hosted", "whole_history_ai", "registered_by_tool"]), at=times),
    max_size=4,
).map(tuple)
decisions = st.sampled_from(["ai_hosted", "whole_history_ai", "registered_by_tool"])
reviews = st.lists(
    st.builds(ReviewFact, reviewer=st.sampled_from("abcdef"), decision=decisions, at=times),
    max_size=4,
    unique_by=lambda r: r.reviewer,
).map(tuple)
plain = {
    "as_of": st.just(NOW),
    "run_age_days": st.floats(0, 40),
    "facts_complete": st.booleans(),
    "in_window": st.booleans(),
    "organic_share": st.none() | st.floats(0, 1),
    "verified_role": st.none() | st.just("brand"),
    "declared_automation": st.booleans(),
    "protected": st.booleans(),
    "network": networks,
    "score": st.none() | st.floats(0, 1),
    "score_target": st.sampled_from(["coordinated", "ai_hosted"]),
    "text_share": st.none() | st.floats(0, 1),
    "texts_scored": st.integers(0, 60),
}
anybody = st.builds(
    AccountFacts,
    **plain,
    registration_client=st.sampled_from([None, "phone", *POLICY.hosting_tools]),
    labels=labels,
    reviews=reviews,
)


@given(st.builds(AccountFacts, **plain, registration_client=st.sampled_from([None, "phone", "a-scheduler"])))
@settings(max_examples=400, deadline=None)
def test_without_platform_facts_labels_or_reviews_nobody_gets_above_watch(found: AccountFacts) -> None:
    assert rank(judge(found, POLICY).tier) <= rank("watch")


@given(anybody, networks.filter(lambda network: network is not None))
@settings(max_examples=150, deadline=None)
def test_who_is_followed_and_trails_nobody_stays_at_watch(found: AccountFacts, network: NetworkFact) -> None:
    """The framed: whatever platform or model say, until enough people have looked and agree."""
    framed = found.model_copy(update={"network": network.model_copy(update={"role": "followed"})})
    judged = judge(framed, POLICY)
    assert not any(reason.code == "network_member" for reason in judged.reasons)
    assert "network" not in judged.families
    grave = ("registered_by_tool", "whole_history_ai")
    if max(len({r.reviewer for r in framed.reviews if r.decision == c}) for c in grave) < POLICY.reviews.agreeing:
        assert rank(judged.tier) <= rank("watch")


@given(anybody)
@settings(max_examples=400, deadline=None)
def test_a_ban_has_two_families_and_a_grave_condition(found: AccountFacts) -> None:
    judged = judge(found, POLICY)
    if judged.tier != "ban":
        return
    assert len(set(judged.families)) >= 2
    stated = found.registration_client in POLICY.hosting_tools or any(x.label != "ai_hosted" for x in found.labels)
    people = [
        {r.reviewer for r in found.reviews if r.decision == c} for c in ("registered_by_tool", "whole_history_ai")
    ]
    assert stated or max(map(len, people)) >= 2
    assert not found.protected
    assert not found.declared_automation
    assert found.facts_complete


def weaker(found: AccountFacts) -> list[AccountFacts]:
    """The facts with one piece of evidence less, or weaker, or with one more protection."""
    out = [found.model_copy(update=u) for u in ({"score": None}, {"text_share": None})]
    out += [found.model_copy(update={"registration_client": None})]
    out += [
        found.model_copy(update={"labels": found.labels[:i] + found.labels[i + 1 :]}) for i in range(len(found.labels))
    ]
    out += [
        found.model_copy(update={"reviews": found.reviews[:i] + found.reviews[i + 1 :]})
        for i in range(len(found.reviews))
    ]
    out += [
        found.model_copy(update=u)
        for u in (
            {"protected": True},
            {"declared_automation": True},
            {"verified_role": "brand"},
            {"in_window": False},
            {"organic_share": None},
            {"organic_share": 1.0},
            {"facts_complete": False},
            {"run_age_days": 99.0},
            {"labels": (*found.labels, LabelFact(label="genuine", at=NOW))},
        )
    ]
    # that others trail an account protects it: to take that away is not to weaken evidence
    if found.network is not None and found.network.role not in POLICY.protections.roles:
        out += [found.model_copy(update={"network": None})]
        changes = ({"stability": 0.0}, {"size": 2}, {"role": "bridge"}, {"role": "followed"})
        out += [found.model_copy(update={"network": found.network.model_copy(update=c)}) for c in changes]
    return out


@given(anybody)
@settings(max_examples=400, deadline=None)
def test_weaker_evidence_never_raises_a_tier(found: AccountFacts) -> None:
    before = rank(judge(found, POLICY).tier)
    for less in weaker(found):
        assert rank(judge(less, POLICY).tier) <= before


@given(anybody, st.randoms())
@settings(max_examples=200, deadline=None)
def test_neither_the_order_of_findings_nor_reviewers_names_matter(found: AccountFacts, random: Any) -> None:
    mixed = [list(found.labels), list(found.reviews)]
    for items in mixed:
        random.shuffle(items)
    renamed = tuple(r.model_copy(update={"reviewer": f"x{r.reviewer}"}) for r in mixed[1])
    assert judge(found.model_copy(update={"labels": tuple(mixed[0]), "reviews": renamed}), POLICY) == judge(
        found, POLICY
    )


def test_the_shipped_policy_says_what_it_is() -> None:
    assert POLICY.version == "1"
    assert POLICY.text == DEFAULT.read_text(encoding="utf-8")
    assert len(POLICY.sha256) == 64
    assert changed_policy(('version: "1"', 'version: "2"')).sha256 != POLICY.sha256


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("families: 2", "families: 1", "ban.families"),
        ("verdict_days: 30", "verdict_days: thirty", "verdict_days"),
        ("cooling_off_days: 180", "cooling_down_days: 180", "cooling_off_days"),
        ("agreeing: 2", "agreeing: 1", "reviews.agreeing"),
        ('version: "1"', "version: 1", "version"),
        ("declared_automation: always", "declared_automation: never", "protections.declared_automation"),
        ("protections:", "protections: [", "not YAML"),
        ("watch_share: 0.9", "watch_share: 0.4", "texts.watch_share"),
        ("min_scored: 20", "min_scored: 1", "texts.min_scored"),
        ("min_scored: 20", "restrict_share: 0.99", "texts.restrict_share"),
    ],
)
def test_a_wrong_policy_is_refused_by_name(old: str, new: str, says: str) -> None:
    with pytest.raises(InputError, match=says.replace(".", r"\.")):
        parse(POLICY.text.replace(old, new, 1), "mine.yml")
