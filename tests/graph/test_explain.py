"""Explanations: every figure by hand or against plain Python; nothing private named; what Neo4j shows."""

from __future__ import annotations

import json
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from graphkit import append
from hypothesis import given, settings
from hypothesis import strategies as st

from graph.cli import explain
from graph.errors import ConflictError, InputError, NothingFoundError
from graph.explain import Pair, explain_pair
from graph.explain_edges import sentences
from graph.explain_group import Group, explain_group
from graph.explain_text import as_json, group_sentence, group_text, pair_sentence, pair_text, span
from graph.favourites import favourites
from graph.log import EventLog
from graph.model import CLUSTERS, DAY, EDGES, EVIDENCE, NETWORKS, SECOND
from graph.runs import Run
from graph.store import GraphStore
from graph.workspace import Workspace

T0 = 1_788_220_800 * SECOND  # 2026-09-01 00:00 UTC
W, H = 300 * SECOND, 18_000 * SECOND
INSIDE = {"since": T0, "until": T0 + 10 * DAY}
Act = tuple[str, str, str, int]  # account, channel, object, seconds after T0


def rows(acts: list[Act]) -> list[dict[str, Any]]:
    """Rows of the action table. Acts of one account at one time are one event, seen on several channels."""
    return [
        {"event_id": f"{account}-{at}", "account_id": account, "channel": channel, "object_id": thing}
        | {"at": T0 + at * SECOND}
        for account, channel, thing, at in acts
    ]


def edge(a: str, b: str, channel: str, met: tuple[int, int, float], **more: Any) -> dict[str, Any]:
    """A row of the edge table: met holds co-actions, objects and the share of a."""
    significance = {"expected": None, "p_value": 1.0, "q_value": 1.0, **more}
    times = {"first_at": T0, "last_at": T0 + DAY}
    counts = dict(zip(("co_actions", "objects", "a_first_share"), met, strict=True))
    return {"account_a": a, "account_b": b, "channel": channel, **counts, **times, **significance}


def make_run(workspace: Workspace, edges: list[dict[str, Any]], **tables: list[dict[str, Any]]) -> Run:
    coaction = {"window": W, "horizon": H, "least_objects": 3}
    key = {"log": workspace.log.digest(), "window": INSIDE, "detect": {"coaction": coaction, "fdr": 0.01}}
    building = workspace.runs.begin(key)
    building.write("edges", pa.Table.from_pylist(edges, EDGES.schema))
    for table in (CLUSTERS, NETWORKS, EVIDENCE):
        building.write(table.name, pa.Table.from_pylist(tables.get(table.name, []), table.schema))
    run = building.finish(None, {})
    workspace.runs.make_current(run)
    return run


# ann and bob meet on three notes by comment and, with the first of these comments, on a template; eve and two more see
# note:2 as well; on note:4 the gap is one second more than the window; on note:9 they met before the data window
MEETINGS: list[Act] = [
    ("ann", "comment", "note:1", 100),
    ("ann", "template", "template:t", 100),
    ("bob", "comment", "note:1", 110),
    ("bob", "template", "template:t", 110),
    ("ann", "comment", "note:2", 86_400),
    ("bob", "comment", "note:2", 86_400),
    ("eve", "comment", "note:2", 86_500),
    ("zoe", "comment", "note:2", 500_000),
    ("bob", "comment", "note:3", 90_000),
    ("ann", "comment", "note:3", 90_300),
    ("ann", "comment", "note:4", 200_000),
    ("bob", "comment", "note:4", 200_301),
    ("ann", "comment", "note:5", 300_000),
    ("bob", "comment", "note:5", 390_000),
    ("ann", "like", "note:6", 100),
    ("ann", "comment", "note:9", -50),
    ("bob", "comment", "note:9", -40),
    ("old", "comment", "note:9", -40),
]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    append(workspace.log, actions=rows(MEETINGS))
    return workspace


@pytest.fixture
def run(workspace: Workspace) -> Run:
    told = {"expected": 0.25, "p_value": 1e-6, "q_value": 1e-5}
    edges = [
        edge("ann", "bob", "all", (3, 4, 0.5), **told),
        edge("ann", "bob", "comment", (3, 3, 0.5), **told),
        edge("ann", "bob", "template", (1, 1, 1.0)),
    ]
    members = [{"account_id": a, "cluster_id": "cluster-ann", "role": "core"} for a in ("ann", "bob")]
    net = {"network_id": "net-1", "cluster_id": "cluster-ann", "objects": 4, "days": 2, "change": "born"}
    return make_run(workspace, edges, clusters=members, networks=[net])


def test_an_edge_by_hand(workspace: Workspace, run: Run) -> None:
    found = explain_pair(run, workspace.log, ["bob", "ann"])
    assert (found.edge, found.reason, found.co_actions, found.objects, found.days) == (True, "edge", 3, 4, 2)
    assert (found.a.account_id, found.a.first, found.a.actions, found.a.network_id) == ("ann", 1, 7, "net-1")
    assert (found.b.account_id, found.b.first, found.b.actions, found.b.role) == ("bob", 1, 6, "core")
    assert (found.median_gap, found.best, found.expected, found.q_value) == (10 * SECOND, ("comment", 3), 0.25, 1e-5)
    by_channel = {c.channel: (c.common, c.near, c.met, c.expected) for c in found.channels}
    assert by_channel == {"comment": (5, 4, 3, 0.25), "template": (1, 1, 1, None)}
    pairs = [(e.thing, e.object_id, e.object_accounts, (e.a_at - T0) // SECOND) for e in found.event_pairs]
    assert pairs == [
        (1, "note:1", 2, 100),
        (2, "note:3", 2, 90_300),
        (3, "template:t", 2, 100),
        (4, "note:2", 4, 86_400),
    ]
    assert found.event_pairs[0].a_event_id == "ann-100"
    assert pair_sentence(found) == (
        "ann and bob acted within 5 minutes of one another on 4 objects on 2 days, half of the time within 10 s; of "
        "the 3 by comment chance explains 0.2; the rarest, note:1, had 2 accounts; neither came first more often."
    )
    text = pair_text(found)
    assert "#4 note:2" in text
    assert "together" in text
    assert "core of net-1" in text


def test_most_bounds_the_rows_and_says_so(workspace: Workspace, run: Run) -> None:
    found = explain_pair(run, workspace.log, ["ann", "bob"], most=1)
    assert (len(found.event_pairs), found.rows, found.co_actions) == (1, 4, 3)
    assert "and 3 more" in pair_text(found)


@pytest.mark.parametrize(
    ("other", "reason", "says"),
    [
        ("zoe", "not_met", "acted on 1 object both, never within 5 minutes"),
        ("eve", "too_few_objects", "on 1 object, 1 at most on one channel; an edge needs 3"),
        ("old", "no_actions", "old did nothing in the data window"),
    ],
)
def test_no_edge_and_why(workspace: Workspace, run: Run, other: str, reason: str, says: str) -> None:
    found = explain_pair(run, workspace.log, ["ann", other])
    assert (found.edge, found.reason) == (False, reason)
    assert says in pair_sentence(found)
    assert json.loads(as_json(found))["reason"] == reason


def test_no_object_in_common_and_no_more_than_chance(tmp_path: Path) -> None:
    acts = [(who, "like", f"n{i}", 1000 * i) for who in ("a", "b") for i in range(3)] + [("c", "like", "n9", 5)]
    workspace = Workspace(tmp_path)
    append(workspace.log, actions=rows(acts))
    run = make_run(workspace, [])
    found = explain_pair(run, workspace.log, ["a", "b"])
    assert (found.reason, found.expected, found.best, found.objects) == ("not_significant", None, None, 3)
    assert "no more than chance explains, at a rate of false discoveries of 0.01" in pair_sentence(found)
    assert explain_pair(run, workspace.log, ["a", "c"]).reason == "no_common_object"


def test_ids_that_are_wrong(workspace: Workspace, run: Run) -> None:
    with pytest.raises(NothingFoundError, match=r"no account 'Ann' in the event log; there is ann"):
        explain_pair(run, workspace.log, ["Ann", "bob"])
    with pytest.raises(NothingFoundError, match="no account 'nobody'"):
        explain_pair(run, workspace.log, ["ann", "nobody"])
    with pytest.raises(InputError, match="twice the same account"):
        explain_pair(run, workspace.log, ["ann", "ann"])
    with pytest.raises(NothingFoundError, match="it is an account of cluster-ann"):
        explain_group(run, workspace.log, "ann")
    with pytest.raises(NothingFoundError, match="it has 1"):
        explain_group(run, workspace.log, "net-2")


def test_the_log_is_read_as_the_run_saw_it(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    before = explain_pair(run, workspace.log, ["ann", "bob"]), explain_group(run, workspace.log, "net-1")
    append(workspace.log, actions=rows([("ann", "like", "note:7", 5), ("bob", "like", "note:7", 6)]))
    assert (explain_pair(run, workspace.log, ["ann", "bob"]), explain_group(run, workspace.log, "net-1")) == before
    other = EventLog(tmp_path / "other")
    append(other, actions=rows(MEETINGS[:3]))
    with pytest.raises(ConflictError, match="another event log"):
        explain_pair(run, other, ["ann", "bob"])


# Against plain Python

acts = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "ä"]),
        st.sampled_from(["like", "url"]),
        st.sampled_from(["n1", "n2", "猫"]),
        st.integers(0, 40).map(lambda minutes: 100 * minutes),
    ),
    unique=True,
    min_size=1,
    max_size=24,
)


@settings(max_examples=25, deadline=None)
@given(acts)
def test_a_pair_is_counted_as_defined(given_acts: list[Act]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        append(workspace.log, actions=rows([*given_acts, ("a", "x", "x", 0), ("ä", "x", "y", 0)]))
        found = explain_pair(make_run(workspace, []), workspace.log, ["ä", "a"])
    left, right = ([act for act in set(given_acts) if act[0] == who] for who in ("a", "ä"))
    joint = [(x, y) for x, y in product(left, right) if x[1:3] == y[1:3] and abs(x[3] - y[3]) * SECOND <= W]
    moments = {(x[3], y[3]) for x, y in joint}
    assert found.rows == len(joint) == len(found.event_pairs)
    assert found.co_actions == len(moments)
    assert found.objects == len({x[2] for x, _ in joint})
    assert (found.a.first, found.b.first) == (sum(x < y for x, y in moments), sum(x > y for x, y in moments))
    accounts = {(c, o): len({w for w, *k, _ in given_acts if k == [c, o]}) for _, c, o, _ in given_acts}
    for event in found.event_pairs:
        assert event.object_accounts == accounts[event.channel, event.object_id]
    rarities = [
        min(
            accounts[c, e.object_id]
            for c in ("like", "url")
            if (c, e.object_id) in accounts and any(x[1:3] == (c, e.object_id) for x, _ in joint)
        )
        for e in found.event_pairs
    ]
    assert rarities == sorted(rarities)
    for channel in found.channels:
        gaps: dict[str, int] = {}
        for x, y in product(left, right):
            if x[1:3] == y[1:3] and x[1] == channel.channel:
                gaps[x[2]] = min(gaps.get(x[2], 10**9), abs(x[3] - y[3]) * SECOND)
        wanted = (len(gaps), sum(g <= H for g in gaps.values()), sum(g <= W for g in gaps.values()))
        assert (channel.common, channel.near, channel.met) == wanted


@settings(max_examples=25, deadline=None)
@given(acts, st.integers(1, 5))
def test_gatherings_are_chains_of_two_members_or_more(given_acts: list[Act], most: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        append(workspace.log, actions=rows(given_acts))
        members = [{"account_id": a, "cluster_id": "c", "role": "core"} for a in ("a", "ä")]
        net = {"network_id": "net", "cluster_id": "c", "change": "born"}
        run = make_run(workspace, [], clusters=members, networks=[net])
        found = explain_group(run, workspace.log, "net", most=most)
    wanted = []
    for place in sorted({act[1:3] for act in given_acts}):
        on = sorted((at, who) for who, *where, at in given_acts if tuple(where) == place and who in ("a", "ä"))
        chains: list[list[tuple[int, str]]] = []
        for at, who in on:
            if chains and (at - chains[-1][-1][0]) * SECOND <= W:
                chains[-1].append((at, who))
            else:
                chains.append([(at, who)])
        chains = [c for c in chains if len({who for _, who in c}) > 1]
        if chains:
            largest = max(chains, key=lambda c: (len({who for _, who in c}), -c[0][0]))
            everybody = len({w for w, *k, _ in given_acts if tuple(k) == place})
            met = {who for c in chains for _, who in c}
            times = (T0 + largest[0][0] * SECOND, T0 + largest[-1][0] * SECOND)
            wanted.append((*place, everybody, len(met), len(chains), *times))
    wanted.sort(key=lambda w: (-w[3], w[2], w[0], w[1].encode()))
    got = [(o.channel, o.object_id, o.object_accounts, o.members, o.gatherings, o.first_at, o.last_at)
           for o in found.objects]  # fmt: skip
    assert got == wanted[:most]


# Groups and private objects


@pytest.fixture
def gang(tmp_path: Path) -> tuple[Run, Workspace]:
    """Three accounts that meet in a private group chat and on a note; v acts before them all, x leads."""
    workspace = Workspace(tmp_path)
    order = [("v", 0), ("x", 10), ("y", 20), ("z", 30)]
    acts = [(who, "comment", f"note:{i}", 1000 * i + late) for i in range(3) for who, late in order]
    acts += [(who, "group_message", "group:secret", 90_000 + late) for who, late in order[1:]]
    append(workspace.log, actions=rows([*acts, ("fan", "comment", "note:2", 50_000)]))
    roles = {"v": "followed", "x": "core", "y": "core", "z": "periphery"}
    members = [{"account_id": a, "cluster_id": "cluster-v", "role": r} for a, r in roles.items()]
    told = {"expected": 0.5, "p_value": 1e-4, "q_value": 1e-3}
    edges = []
    for a, b in [("v", "x"), ("v", "y"), ("x", "y"), ("y", "z")]:
        edges += [edge(a, b, c, (3, 3, 1.0), **told) for c in ("all", "comment")]
    edges.append(edge("x", "y", "group_message", (1, 1, 1.0)))
    edges.append(edge("v", "w", "all", (50, 50, 0.0)))  # leaves the cluster
    net = {"network_id": "net-v", "cluster_id": "cluster-v", "change": "born", "objects": 4, "days": 2}
    evidence = [
        {"account_a": "x", "account_b": "y", "channel": c, "object_id": o, "object_accounts": n}
        for c, o, n in (("comment", "note:1", 4), ("group_message", "group:secret", 3))
    ]
    return make_run(workspace, edges, clusters=members, networks=[net], evidence=evidence), workspace


def test_a_group_by_hand(gang: tuple[Run, Workspace]) -> None:
    run, workspace = gang
    found = explain_group(run, workspace.log, "net-v")
    assert found == explain_group(run, workspace.log, "cluster-v")
    assert [(o.channel, o.object_id, o.members, o.object_accounts, o.gatherings) for o in found.objects] == [
        ("comment", "note:0", 4, 4, 1),
        ("comment", "note:1", 4, 4, 1),
        ("comment", "note:2", 4, 5, 1),
        ("group_message", "a private group chat (not shown)", 3, 3, 1),
    ]
    shares = [(p.account_id, p.edges, p.co_actions, p.first_share) for p in found.members]
    assert shares == [("v", 2, 6, 1.0), ("x", 2, 6, 0.5), ("y", 3, 9, 1 / 3), ("z", 1, 3, 0.0)]
    assert (found.edges, found.channels) == (4, (("comment", 4), ("group_message", 1)))
    assert [(p.account_a, p.account_b, p.best) for p in found.pairs][:2] == [
        ("v", "x", ("comment", 3)),
        ("v", "y", ("comment", 3)),
    ]
    assert group_sentence(found) == (
        "4 accounts met on 4 objects on 2 days, most by comment and group_message; all of them met on note:0, 4 from "
        "2026-09-01 00:00:00 to 00:00:30 UTC; it had 4 accounts in all; the strongest pair, v and x, met on 3 objects, "
        "chance explains 0.5; nobody leads; v is followed: trailed by others and trailing nobody, as victims are."
    )


def test_private_objects_are_named_only_where_asked(gang: tuple[Run, Workspace]) -> None:
    run, workspace = gang

    def everything(private: bool) -> str:
        pair: Pair = explain_pair(run, workspace.log, ["x", "y"], private=private)
        group: Group = explain_group(run, workspace.log, "net-v", private=private)
        return pair_text(pair) + as_json(pair) + pair_sentence(pair) + group_text(group) + as_json(group)

    assert "secret" not in everything(private=False)
    assert "a private group chat (not shown)" in everything(private=False)
    assert "group:secret" in everything(private=True)


def test_the_command(gang: tuple[Run, Workspace], monkeypatch: pytest.MonkeyPatch) -> None:
    _, workspace = gang

    def call(*arguments: str) -> Any:
        return CliRunner().invoke(explain, [*arguments, "--dir", str(workspace.root)])

    assert "x and y acted within 5 minutes" in call("x", "y").stdout
    assert json.loads(call("net-v", "--json").stdout)["cluster_id"] == "cluster-v"
    assert call("x", "y", "z").exit_code == 2
    monkeypatch.delenv("SHOAL_SHOW_PRIVATE", raising=False)
    assert "SHOAL_SHOW_PRIVATE=1" in str(call("x", "y", "--private").exception)
    monkeypatch.setenv("SHOAL_SHOW_PRIVATE", "1")
    assert "group:secret" in call("x", "y", "--private").stdout
    assert "no run 'other'" in str(call("x", "y", "--run", "other").exception)


def test_windows_in_words() -> None:
    lengths = [SECOND, 90 * SECOND, 60 * SECOND, 300 * SECOND, 3600 * SECOND, DAY, SECOND // 2]
    said = ["1 second", "90 seconds", "1 minute", "5 minutes", "1 hour", "1 day", "0.5 seconds"]
    assert [span(length) for length in lengths] == said


# In Neo4j


def test_an_edge_in_neo4j_says_what_it_is_and_leads_to_its_evidence(
    store: GraphStore, gang: tuple[Run, Workspace]
) -> None:
    run, workspace = gang
    append(workspace.log, accounts=[{"account_id": "w"}])
    store.load(workspace.log)
    store.show_run(run)
    query = "MATCH (a)-[e:COORDINATED_WITH]->(b) RETURN a.accountId + b.accountId AS pair, e.sentence AS sentence"
    said = {r["pair"]: r["sentence"] for r in store.driver.execute_query(query).records}
    assert said["xy"] == (
        "x and y acted within 5 minutes of one another on 3 objects; chance explains 0.5; the rarest with evidence, a "
        "private group chat (not shown), had 3 accounts; x came first in 3 of 3 co-actions."
    )
    assert said["vw"] == (
        "v and w acted within 5 minutes of one another on 50 objects; w came first in 50 of 50 co-actions."
    )
    (behind,) = [query for title, query in favourites().items() if title.startswith("Evidence behind one edge")]
    records = store.driver.execute_query(behind, parameters_={"account": "y", "other": "x"}).records
    seen = [(r["how"], r["o"]["objectId"], r["everybody"]) for r in records]
    assert sorted(seen) == sorted(
        [("ACTED_ON", "group:secret", 3), *(("ACTED_ON", f"note:{i}", 4 + (i == 2)) for i in range(3))]
    )
    assert [r["everybody"] for r in records] == [3, 4, 4, 5]
    assert {r["sentence"] for r in records} == {said["xy"]}


def test_sentences_of_a_large_farm_take_seconds(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    names = [f"a{i:03}" for i in range(400)]
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    edges = [edge(a, b, c, (9, 9, 0.5), expected=0.1) for a, b in pairs for c in ("all", "like")]
    run = make_run(workspace, edges)
    table = run.table("edges")
    whole, single = (table.filter(pa.compute.equal(table["channel"], c)) for c in ("all", "like"))
    began = time.process_time()
    said = sentences(run, whole, single)
    assert len(said) == len(pairs)
    assert time.process_time() - began < 10
