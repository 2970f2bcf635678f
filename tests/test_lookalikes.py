"""Who only looks similar, and what protects them: every kind of look-alike on one simulated platform.

Each kind resembles a network in one way. Shown for each: as it is, nothing is done to it; whatever can be inferred
about it, a person has to look first; and against the gravest platform facts it is one named protection that holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pytest
from shoalkit import shoal

from api.facts import AccountFacts, LabelFact, NetworkFact, ReviewFact
from api.material import read
from api.policy import Judgement, judge, rank
from api.rules import load
from graph.log import EventLog
from graph.runs import Run
from graph.workspace import Workspace

POLICY = load()
FOLLOWED = POLICY.protections.roles[0]
# how one protection is taken from an account's facts
BARE: dict[str, Callable[[AccountFacts], dict[str, Any]]] = {
    "declared_automation": lambda _: {"declared_automation": False},
    "verified_role": lambda _: {"verified_role": None},
    "organic_history": lambda _: {"organic_share": 0.2},
    "shadowed": lambda found: {"network": found.network and found.network.model_copy(update={"role": "core"})},
}
# kind of look-alike -> what it resembles, and the protections its accounts have, at least one of them each
KINDS: dict[str, tuple[str, set[str]]] = {
    "scheduler_brand": ("regular minutes", {"declared_automation", "verified_role", "organic_history"}),
    "customer_service": ("24 hours a day, templates in messages", {"verified_role"}),
    "night_shift": ("odd hours", {"organic_history"}),
    "fan_campaign": ("synchrony, the same text", {"organic_history"}),
    "translator": ("texts that read like AI's", {"organic_history"}),
    "ai_labelling_creator": ("media made by AI", {"declared_automation"}),
    "household": ("one device", {"organic_history"}),
    "school": ("one device", {"organic_history"}),
    "framed": ("acts just when bots do", {"shadowed"}),
}
KIND = pytest.mark.parametrize("kind", KINDS)


@dataclass(frozen=True)
class Town:
    """A platform with everything that a detection and a publication know of it."""

    log: EventLog
    run: Run
    facts: dict[str, AccountFacts]
    kinds: dict[str, list[str]]

    def of(self, kind: str) -> dict[str, AccountFacts]:
        """The facts of a kind's accounts that nobody found genuine: a reviewer's word would protect any account."""
        return {a: self.facts[a].model_copy(update={"labels": (), "reviews": ()}) for a in self.kinds[kind]}

    def table(self, name: str, kind: str) -> pd.DataFrame:
        """The rows of a run's table that are about a kind's accounts."""
        rows = self.run.table(name).to_pandas()
        return rows[rows["account_id"].isin(self.kinds[kind])]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    folder = tmp_path_factory.mktemp("town")
    for words in (
        ("simulate", folder / "platform", "--accounts", 4_000, "--seed", 52),
        ("ingest", folder / "platform", "--dir", folder / "data"),
        ("detect", "--dir", folder / "data"),
    ):
        done = shoal(*words)
        assert done.code == 0, done.err
    workspace = Workspace(folder / "data")
    run = workspace.runs.current()
    assert run is not None
    truth = pd.read_parquet(folder / "platform" / "truth" / "accounts.parquet")
    truth["kind"] = truth["lookalike"].fillna(truth["class"])
    kinds = {kind: list(each) for kind, each in truth.groupby("kind")["account_id"]}
    named = [a for kind in KINDS for a in kinds[kind]]
    return Town(workspace.log, run, read(run, workspace.log, POLICY, named, int(time.time() * 1e6)).facts, kinds)


def inferred(found: AccountFacts, role: str = "core") -> AccountFacts:
    """All that Shoal itself can say against an account, at its strongest."""
    network = NetworkFact(network_id="n", role=role, size=500, days=28, stability=1.0)
    worst = {"score": 1.0, "score_target": "ai_hosted", "text_share": 1.0, "texts_scored": 10_000}
    return found.model_copy(update={"network": network, **worst})


def accused(found: AccountFacts) -> AccountFacts:
    """The same with the gravest that a platform can say, wrongly."""
    label = LabelFact(label="whole_history_ai", at=found.as_of - 1)
    role = found.network.role if found.network is not None and found.network.role == FOLLOWED else "core"
    worst = {"registration_client": POLICY.hosting_tools[0], "labels": (label,)}
    return inferred(found, role).model_copy(update=worst)


def without(found: AccountFacts, *protections: str) -> AccountFacts:
    for name in protections:
        found = found.model_copy(update=BARE[name](found))
    return found


def is_held(judgement: Judgement) -> bool:
    return rank(judgement.tier) <= rank("watch")


@KIND
def test_as_they_are_nothing_is_done_to_them(town: Town, kind: str) -> None:
    assert len(town.kinds[kind]) >= (1 if kind == "framed" else 5)
    for name in town.kinds[kind]:
        assert is_held(judge(town.facts[name], POLICY)), name


@KIND
def test_all_that_can_be_inferred_about_them_asks_for_a_person_and_does_no_more(town: Town, kind: str) -> None:
    """Not even where nothing protects them: membership, score and texts at their strongest end at `watch`."""
    for found in town.of(kind).values():
        judgement = judge(without(inferred(found), *BARE), POLICY)
        assert judgement.tier == "watch"
        assert judgement.review is not None


@KIND
def test_against_the_gravest_facts_it_is_the_named_protection_that_holds(town: Town, kind: str) -> None:
    """With it alone they stay at `watch`, and the verdict says why; with none of them the same facts ban."""
    named = KINDS[kind][1]
    protected = 0
    for name, found in town.of(kind).items():
        held = judge(accused(found), POLICY)
        if not named & set(held.protections):
            continue
        protected += 1
        assert judge(without(accused(found), *BARE), POLICY).tier == "ban"
        for only in named & set(held.protections):
            alone = judge(without(accused(found), *(set(BARE) - {only})), POLICY)
            assert (alone.tier, alone.protections) == ("watch", (only,)), name
            assert alone.review is not None
            assert only in {reason.code for reason in alone.reasons}
    # a fan who did little but the campaign has no organic history: inference ends at `watch` for them too (above), and
    # wrong facts of the platform are for a reviewer
    assert protected >= (0.8 if kind == "fan_campaign" else 1.0) * len(town.kinds[kind])


@KIND
def test_two_reviewers_can_find_against_anybody_but_who_declares(town: Town, kind: str) -> None:
    """A protection is no licence: `until_reviewed` ends where people who looked agree."""
    for found in town.of(kind).values():
        agreed = tuple(
            ReviewFact(reviewer=who, decision="whole_history_ai", at=found.as_of - 1) for who in ("rob", "sue")
        )
        tier = judge(accused(found).model_copy(update={"reviews": agreed}), POLICY).tier
        assert tier == ("watch" if found.declared_automation else "ban")


def test_of_all_look_alikes_only_fans_and_the_framed_are_near_a_network(town: Town) -> None:
    """Odd hours, one device, polished texts, regular minutes and templates to customers make no edge and no cluster."""
    clusters, edges = town.run.table("clusters").to_pandas(), town.run.table("edges").to_pandas()
    linked = {*edges["account_a"], *edges["account_b"]}
    for kind, members in town.kinds.items():
        near = linked | set(clusters["account_id"])
        if kind in KINDS and kind not in ("fan_campaign", "framed"):
            assert not near & set(members), kind


def test_one_device_is_shared_and_makes_no_edge(town: Town) -> None:
    """A household and a school resemble a farm by their device: it needs behaviour and content to agree."""
    with town.log.connect() as connection:
        rows = connection.sql(f"SELECT account_id, device_id FROM ({town.log.source('accounts')})").df()
    device = rows.drop_duplicates("account_id", keep="last").set_index("account_id")["device_id"]
    edges = town.run.table("edges").to_pandas()
    for kind in ("household", "school"):
        own = device[town.kinds[kind]]
        assert own.map(own.value_counts()).min() >= 2
        assert not set(own.index) & {*edges["account_a"], *edges["account_b"]}


def test_the_framed_never_lead(town: Town) -> None:
    roles = town.table("clusters", "framed")["role"]
    assert len(roles)
    assert set(roles) == {FOLLOWED}


def test_night_shifts_rest_as_long_as_others(town: Town) -> None:
    """What counts is how long they rest, and they do; the hour is nowhere asked (tests/graph/test_rhythm.py)."""
    for kind in ("night_shift", "organic"):
        quiet = town.table("behaviour", kind)["quiet_gap_hours"].dropna()
        assert len(quiet)
        assert (quiet > 4).mean() > 0.95
    restless = town.table("rhythm", "night_shift")["restless_share"].dropna()
    assert len(restless)
    assert restless.median() == 0
