"""Rules as data: the shipped ones say what the plain reading says, and no file can say more than the ceilings allow."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

import plain_policy
import pytest
import yaml
from apikit import DAY, changed_policy
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from test_policy import NOW, POLICY, anybody, weaker

from api.evidence import GRAVE, Evidence
from api.facts import AccountFacts, LabelFact, ReviewFact
from api.policy import judge, rank
from api.predicates import PREDICATES
from api.rules import Policy, parse
from graph.errors import InputError

# shrinking parses a policy at each step: minutes; what was drawn is printed whole either way
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
BASE: dict[str, Any] = yaml.safe_load(POLICY.text)
TOOL = POLICY.hosting_tools[0]
moments = st.integers(NOW - 700 * DAY, NOW)
everybody = st.builds(
    lambda facts, marks, more: facts.model_copy(
        update={"labels": (*facts.labels, *marks), "reviews": (*facts.reviews, *more)}
    ),
    anybody,
    st.lists(st.builds(LabelFact, label=st.just("genuine"), at=moments), max_size=1),
    st.lists(
        st.builds(
            ReviewFact,
            reviewer=st.sampled_from("abcd"),
            decision=st.sampled_from(["genuine", "unsure", *GRAVE, "ai_hosted"]),
            at=moments,
        ),
        max_size=4,
    ),
)
OTHERS = changed_policy(
    ("agreeing: 2", "agreeing: 3"),
    ("families: 2", "families: 3"),
    ("restrict_after: 2", "restrict_after: 3"),
    ("declared_automation: always", "declared_automation: until_reviewed"),
    ("verified_role: until_reviewed", "verified_role: off"),
    ("shadowed: until_reviewed", "shadowed: always"),
    ("watch_share: 0.9", "watch_share: null"),
    ("ai_hosted: 0.9\n", "ai_hosted: 0.5\n"),
)


@given(everybody, st.sampled_from([POLICY, OTHERS]))
@settings(max_examples=100, deadline=None)
def test_the_shipped_rules_are_the_plain_reading(facts: AccountFacts, policy: Policy) -> None:
    assert judge(facts, policy) == plain_policy.judge(facts, policy)


def dumped(value: Any, **more: Any) -> str:
    """YAML text, without anchors for what stands there twice."""
    return str(yaml.dump(value, Dumper=Plain, **more))


class Plain(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    def ignore_aliases(self, _data: Any) -> bool:
        return True


def written(rules: dict[str, Any], **more: Any) -> Policy:
    """A policy with these rules, and the shipped parameters."""
    return parse(dumped({**BASE, **more, "rules": rules}, sort_keys=False), "mine.yml")


def without_rules() -> str:
    return dumped({k: v for k, v in BASE.items() if k != "rules"})


@given(everybody)
@settings(max_examples=200, deadline=None)
def test_a_file_without_rules_has_the_shipped_ones(facts: AccountFacts) -> None:
    assert judge(facts, OLDER) == judge(facts, POLICY)


OLDER = parse(without_rules(), "older.yml")

# a grammar of policies: any expression over the predicates, right or wrong
shares = st.sampled_from([0.0, 0.3, 0.6, 0.9, 1.0])
finding = st.sampled_from(["ai_hosted", *GRAVE])
leaves = st.one_of(
    st.just({"platform_fact": "hosting_tool"}),
    finding.map(lambda x: {"label": x}),
    st.tuples(finding, st.integers(1, 3)).map(lambda x: {"reviews_at_least": {"decision": x[0], "people": x[1]}}),
    st.just({"reviews_agree": "setting"}),
    st.tuples(st.sampled_from(GRAVE), st.integers(1, 3)).map(
        lambda x: {"reviews_agree": {"decision": x[0], "people": x[1]}}
    ),
    st.integers(1, 3).map(lambda n: {"strikes_at_least": n}),
    st.integers(1, 3).map(lambda n: {"families_at_least": n}),
    st.just({"in_network": "setting"}),
    shares.map(lambda x: {"in_network": {"min_stability": x, "min_density": 0.5}}),
    st.just({"near_network": True}),
    shares.map(lambda x: {"score_at_least": {"target": "coordinated", "at_least": x}}),
    st.just({"text_score_at_least": "setting"}),
    st.just({"declared_automation": True}),
    st.just({"verified_role": True}),
    shares.map(lambda x: {"organic_share_at_least": x}),
    st.just({"inactive": True}),
    st.just({"network_role": ["followed"]}),
    st.integers(1, 400).map(lambda n: {"found_genuine_within": n}),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda x: {"all": x}),
        st.lists(inner, min_size=1, max_size=3).map(lambda x: {"any": x}),
        inner.map(lambda x: {"not": x}),
    ),
    max_leaves=6,
)


def turned(tree: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The tree with `not` put in or left out before predicates, so that it is monotone."""
    ((name, value),) = tree.items()
    if name == "not":
        return {"not": turned(value, "for" if wanted == "against" else "against")}
    if name in ("all", "any"):
        return {name: [turned(part, wanted) for part in value]}
    return tree if PREDICATES[name].speaks == wanted else {"not": tree}


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy that loads: random rules, each left out that loading refuses."""
    rules: dict[str, Any] = {"evidence": [{"name": "first", "when": {"near_network": True}, "tier": "watch"}]}
    for i in range(draw(st.integers(1, 4))):
        tier = draw(st.sampled_from(["watch", "warn", "restrict", "ban"]))
        rule = {"name": f"r{i}", "when": turned(draw(trees), "against"), "tier": tier}
        more = {**rules, "evidence": [*rules["evidence"], rule]}
        try:
            written(more)
        except InputError as error:
            assert "no policy can give more than" in str(error)  # noqa: PT017  (anything else is a fault of this test)
            continue
        rules = more
    rules["protections"] = [
        {
            "name": f"p{i}",
            "when": turned(draw(trees), "for"),
            "hold": draw(st.sampled_from(["always", "until_reviewed", "off"])),
            "text": "Held.",
        }
        for i in range(draw(st.integers(0, 2)))
    ]
    return written(rules)


@given(policies(), st.lists(everybody, min_size=10, max_size=10))
@settings(max_examples=15, deadline=None)
def test_no_policy_breaks_the_ceilings(policy: Policy, people: list[AccountFacts]) -> None:
    for facts in people:
        found = judge(facts, policy)
        e = Evidence(facts, policy, None)
        if rank(found.tier) > rank("watch"):
            assert e.client or e.labels or e.reviewers
            assert not facts.protected
            assert facts.facts_complete
        if found.tier == "ban":
            assert e.platform_grave or e.agreed
            assert len(found.families) >= policy.ban.families >= 2


@given(policies(), st.lists(anybody, min_size=6, max_size=6))  # without `genuine`: to take that away weakens nothing
@settings(max_examples=200, deadline=None, phases=QUICK)
def test_under_no_policy_does_weaker_evidence_raise_a_tier(policy: Policy, people: list[AccountFacts]) -> None:
    for facts in people:
        if facts.network is not None and facts.network.role in ("followed", "bridge"):
            continue  # these roles may protect: to take them away is not to weaken evidence
        before = rank(judge(facts, policy).tier)
        for less in weaker(facts):
            assert rank(judge(less, policy).tier) <= before


@given(policies(), everybody, st.randoms())
@settings(max_examples=12, deadline=None)
def test_under_no_policy_do_names_or_order_matter(policy: Policy, facts: AccountFacts, random: Any) -> None:
    mixed = [list(facts.labels), list(facts.reviews)]
    for items in mixed:
        random.shuffle(items)
    renamed = tuple(r.model_copy(update={"reviewer": f"x{r.reviewer}"}) for r in mixed[1])
    other = facts.model_copy(update={"labels": tuple(mixed[0]), "reviews": renamed})
    if facts.network is not None:
        other = other.model_copy(update={"network": facts.network.model_copy(update={"network_id": "another"})})
    assert judge(other, policy) == judge(facts, policy)


@given(trees, st.sampled_from(["warn", "restrict", "ban"]), everybody)
@settings(max_examples=150, deadline=None, phases=QUICK)
def test_whatever_loads_stays_below_the_ceiling_without_it(
    tree: dict[str, Any], tier: str, facts: AccountFacts
) -> None:
    """Loading finds what the ceiling would have to stop: of what loads, one rule alone never meets it."""
    rule = {"name": "r", "when": turned(tree, "against"), "tier": tier}
    try:
        policy = written({"evidence": [rule]})
    except InputError:
        assume(False)
    assert all(reason.code != "ceiling" for reason in judge(facts, policy).reasons)


RULE = {"name": "mine", "tier": "watch", "when": {"near_network": True}}


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"tier": "warn"}, "gives warn for a network, a score and texts alone"),
        ({"tier": "warn", "when": {"any": [{"label": "ai_hosted"}, {"score_at_least": "setting"}]}}, "gives warn for"),
        ({"tier": "ban", "when": {"platform_fact": "hosting_tool"}}, "one family of evidence"),
        ({"tier": "ban", "when": {"reviews_agree": "setting"}}, "one family of evidence"),
        (
            {"tier": "ban", "when": {"all": [{"label": "ai_hosted"}, {"in_network": "setting"}]}},
            "without an established grave condition",
        ),
        (
            {
                "tier": "ban",
                "when": {
                    "all": [
                        {"in_network": "setting"},
                        {"reviews_at_least": {"decision": "whole_history_ai", "people": 1}},
                    ]
                },
            },
            "without an established grave condition",
        ),
        ({"tier": "restrict", "when": {"strikes_at_least": 1}}, "for one label of AI hosting"),
        ({"tier": "warn", "when": {"label": "ai_hosted"}}, "for findings that have expired"),
        ({"when": {"not": {"near_network": True}}}, "`near_network` speaks against an account"),
        ({"when": {"inactive": True}}, "`inactive` speaks for an account"),
        ({"when": {"signals_stale": True}}, "`signals_stale` speaks neither for nor against an account"),
        ({"when": {"not": {"signals_stale": True}}}, "`signals_stale` speaks neither for nor against an account"),
        ({"when": {"nearby": True}}, "there is no predicate 'nearby'; there are all, any, not, platform_fact"),
        ({"when": {"strikes_at_least": "2"}}, "`strikes_at_least` does not take '2'"),
        ({"when": {"in_network": {"roles": ["followed"]}}}, "`in_network` does not take"),
        ({"when": {"all": []}}, "`all` takes a list"),
        ({"when": {}}, "expected one of all, any, not or a predicate"),
        ({"when": {"near_network": True, "label": "ai_hosted"}}, "expected one of all, any, not"),
        ({"text": "It is {name}."}, "there is no field {name}; there are client"),
        ({"text": "It is {role!r}."}, "there is no field {role}"),
        ({"text": "It is {role"}, "expected '}'"),
        ({"family": "review", "text": "So."}, "says it is of the family review, but asks for network"),
        ({"name": "protected"}, "is a code of what no policy decides"),
        ({"tier": None}, "neither a tier nor a text"),
        ({"tier": "banned"}, "rules.evidence.1.tier"),
        ({"tire": "ban"}, "rules.evidence.1.tire"),
    ],
)
def test_a_rule_that_is_wrong_is_refused_with_its_place(rule: dict[str, Any], says: str) -> None:
    first = {"name": "first", "tier": "watch", "when": {"near_network": True}}
    mine = {**RULE, **rule}
    with pytest.raises(InputError) as refused:
        written({"evidence": [first, mine]})
    said = str(refused.value)
    assert says in said
    text = dumped({**BASE, "rules": {"evidence": [first, mine]}}, sort_keys=False).splitlines()
    line = int(said.split("line ")[1].split(",", maxsplit=1)[0])
    begins = max(i for i, x in enumerate(text, 1) if x.startswith("  - name:"))
    assert begins <= line <= len(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("families: 2", "families: 1", "line 30, column 3: ban.families"),
        (
            "verdict_days: 30",
            "verdict_days: 30\nverdict_days: 31",
            "line 14, column 1: 'verdict_days' stands there twice",
        ),
        ("verdict_days: 30", "verdict_days: &a 30", "anchors and aliases are not taken"),
        ("verdict_days: 30", "verdict_days: !!python/object:os.system 30", "line 13, column 15: not YAML"),
        ("labels:", "labels:\n  <<: {a: 1}", "merge keys"),
        ("verdict_days: 30", "verdict_days: " + "[" * 50 + "]" * 50, "nested more than 40 deep"),
        ("verdict_days: 30", "verdict_days: 30 # " + "x" * (256 << 10), "over 256 KiB"),
        ("agreeing: 2", "agreeing: .nan", "reviews.agreeing"),
        ('version: "1"', '--- {}\n---\nversion: "1"', "not YAML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_its_place(old: str, new: str, says: str) -> None:
    assert old in POLICY.text
    with pytest.raises(InputError) as refused:
        parse(POLICY.text.replace(old, new, 1), "mine.yml")
    assert says in str(refused.value)


def test_deep_and_long_expressions_are_refused() -> None:
    deep: dict[str, Any] = {"near_network": True}
    for _ in range(10):
        deep = {"all": [deep]}
    with pytest.raises(InputError, match="nested more than 8 deep"):
        written({"evidence": [{**RULE, "when": deep}]})
    with pytest.raises(InputError, match="more than 400 nodes"):
        written({"evidence": [{**RULE, "when": {"any": [{"near_network": True}] * 401}}]})


@pytest.mark.parametrize("text", ["", "[]", "3", "rules: {}", "{", "\x00", "a: \ud800"])
def test_no_text_is_more_than_a_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"mine\.yml"):
        parse(text, "mine.yml")


def test_more_than_the_shipped_policy_can_be_said() -> None:
    """A label and a dense network restrict; a brand is never restricted, whoever agrees."""
    rules = copy.deepcopy(BASE["rules"])
    both = {"all": [{"strikes_at_least": 1}, {"in_network": {"min_density": 0.7, "min_size": 10}}]}
    rules["evidence"].append({"name": "labelled_and_dense", "tier": "restrict", "when": both, "family": "network",
                              "text": "The platform labelled it, and its network is dense."})  # fmt: skip
    rules["protections"].append(
        {"name": "brand", "hold": "always", "when": {"verified_role": "brand"}, "text": "Brand."}
    )
    policy = written(rules)
    labelled = AccountFacts.model_validate(
        {
            "as_of": NOW,
            "run_age_days": 1.0,
            "in_window": True,
            "organic_share": 0.1,
            "labels": [{"label": "ai_hosted", "at": NOW - DAY}],
            "network": {"network_id": "n", "role": "core", "size": 20, "days": 4, "stability": 0.9, "density": 0.8},
        }
    )
    assert judge(labelled, POLICY).tier == "warn"
    found = judge(labelled, policy)
    assert (found.tier, found.reasons[-1].text) == ("restrict", "The platform labelled it, and its network is dense.")
    held = judge(labelled.model_copy(update={"verified_role": "brand"}), policy)
    assert (held.tier, "brand" in held.protections) == ("watch", True)


def test_what_the_shipped_rules_mean_does_not_change_unnoticed() -> None:
    """Files without rules mean these. Whoever changes them writes a decision, a changelog line, and this number."""
    said = json.dumps(BASE["rules"], sort_keys=True).encode()
    assert hashlib.sha256(said).hexdigest()[:16] == "54eaaf1ef3de4c76"
