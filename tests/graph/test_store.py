"""Loading and showing, on a real Neo4j."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from graphkit import T0, append, expected_likes, make_run, random_batch, snapshot
from neo4j.exceptions import ServiceUnavailable
from pydantic import SecretStr

from graph import deeds, loading
from graph.errors import ConflictError, DeniedError, InputError, UnavailableError
from graph.log import EventLog
from graph.settings import Settings
from graph.store import GraphStore, connect
from graph.workspace import Workspace


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log")


class Mortal:
    """A driver whose server dies after so many queries."""

    def __init__(self, driver: Any, queries: int) -> None:
        self.driver, self.left = driver, queries

    def execute_query(self, *args: Any, **kwargs: Any) -> Any:
        if not self.left:
            raise ServiceUnavailable("gone")
        self.left -= 1
        return self.driver.execute_query(*args, **kwargs)


def test_every_kind_lands_where_the_schema_says(store: GraphStore, log: EventLog) -> None:
    def row(i: int, kind: str, target: str | None, **more: Any) -> dict[str, Any]:
        return {"event_id": f"e{i}", "account_id": "ann", "kind": kind, "at": T0 + i, "target_id": target, **more}

    def action(i: int, channel: str, thing: str) -> dict[str, Any]:
        return {"event_id": f"e{i}", "account_id": "ann", "channel": channel, "object_id": thing, "at": T0 + i}

    interactions = [
        row(0, "note", None, content_id="n0"),
        row(1, "comment", "n1"),
        row(2, "reply", "n2"),
        row(3, "like", "n3"),
        row(9, "like", "n3", client="app", device_id="dev"),
        row(4, "share", "n4"),
        row(5, "collect", "n5"),
        row(6, "view", "n6"),
        row(7, "message", "bob"),
        row(8, "group_message", "g1"),
        row(10, "follow", "eve"),
    ]
    actions = [
        action(0, "url", "url:https://例え.jp/?q=a:b"),
        action(0, "hashtag", "hashtag:标签"),
        action(1, "template", "template:t1"),
        action(0, "media", "media:c3"),
        action(1, "comment", "note:n1"),
    ]
    account = {"account_id": "ann", "registered_at": T0 - 5, "registration_client": "tool", "device_id": "dev"}
    append(log, interactions=interactions, actions=actions, accounts=[account])
    late = {"media_id": "9.jpg", "object_id": "media:c3", "status": "none", "markers": "[]"}
    append(log, media=[late], actions=[action(9, "media", "media:c3")])  # of an interaction that came before
    append(log, actions=[{"event_id": "x", "account_id": "zoe", "channel": "share", "object_id": "o:1", "at": T0}])
    report = store.load(log)
    assert report.batches == 3
    found = store.driver.execute_query(
        "MATCH (a:Account)-[r]->(o) RETURN a.accountId AS a, type(r) AS type, labels(o)[0] AS label, r.count AS count, "
        "coalesce(o.noteId, o.accountId, o.groupId, o.url, o.tag, o.templateId, o.mediaId, o.deviceId, o.name, "
        "o.objectId) AS o"
    ).records
    assert {(f["a"], f["type"], f["label"], f["o"], f["count"]) for f in found} == {
        ("ann", "POSTED", "Note", "n0", 1),
        ("ann", "COMMENTED_ON", "Note", "n1", 1),
        ("ann", "REPLIED_TO", "Note", "n2", 1),
        ("ann", "LIKED", "Note", "n3", 2),
        ("ann", "SHARED", "Note", "n4", 1),
        ("ann", "COLLECTED", "Note", "n5", 1),
        ("ann", "VIEWED", "Note", "n6", 1),
        ("ann", "MESSAGED", "Account", "bob", 1),
        ("ann", "SPOKE_IN", "GroupChat", "g1", 1),
        ("ann", "FOLLOWS", "Account", "eve", 1),
        ("ann", "LINKED", "Url", "https://例え.jp/?q=a:b", 1),
        ("ann", "TAGGED", "Hashtag", "标签", 1),
        ("ann", "USED_TEMPLATE", "Template", "t1", 1),
        ("ann", "SHOWED", "Media", "c3", 2),
        ("ann", "USED", "Client", "app", 1),
        ("ann", "USED", "Device", "dev", 1),
        ("ann", "REGISTERED_WITH", "Client", "tool", None),
        ("ann", "REGISTERED_WITH", "Device", "dev", None),
        ("zoe", "ACTED_ON", "Object", "o:1", 1),
    }
    times = store.driver.execute_query("MATCH ()-[r:LIKED]->() RETURN r.firstAt AS first, r.lastAt AS last").records[0]
    assert (times["first"], times["last"]) == (T0 + 3, T0 + 9)
    facts = store.driver.execute_query("MATCH (a:Account {accountId: 'ann'}) RETURN a.registeredAt AS at").records[0]
    assert facts["at"] == T0 - 5


def test_an_object_id_too_long_for_the_index(store: GraphStore, log: EventLog) -> None:
    long = "https://example.org/" + "界" * 30_000
    row = {"event_id": "e", "account_id": "a", "kind": "note", "at": T0, "content_id": "n"}
    actions = [
        {"event_id": "e", "account_id": "a", "channel": "url", "object_id": f"url:{long}{end}", "at": T0}
        for end in "xy"
    ]
    append(log, interactions=[row], actions=actions)
    store.load(log)
    assert store.counts()["Url"] == 2


@pytest.mark.parametrize(
    ("seed", "dense"), [(0, deeds.DENSE), (1, deeds.DENSE), (2, deeds.DENSE), (1, 3), (2, 2), (3, 1)]
)
def test_steps_equal_once_and_twice_changes_nothing(
    store: GraphStore, tmp_path: Path, seed: int, dense: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Random batches loaded one by one, and all at once, give the same graph, also where nodes become dense."""
    monkeypatch.setattr(deeds, "DENSE", dense)
    batches = [random_batch(10 * seed + i) for i in range(5)]
    growing, whole = EventLog(tmp_path / "growing"), EventLog(tmp_path / "whole")
    for batch in batches:
        append(growing, **batch)
        store.load(growing)
    by_steps = snapshot(store)
    assert store.load(growing).batches == 0
    assert snapshot(store) == by_steps
    store.wipe()
    assert store.counts() == {}
    store.prepare()
    for batch in batches:
        append(whole, **batch)
    store.load(whole)
    assert snapshot(store) == by_steps
    likes = store.driver.execute_query("MATCH (a)-[r:LIKED]->(n) RETURN a.accountId AS a, n.noteId AS n, r.count AS c")
    expected = expected_likes(whole)
    by_account, by_note = Counter(a for a, _ in expected), Counter(n for _, n in expected)
    kept = {(a, n): c for (a, n), c in expected.items() if by_account[a] <= dense and by_note[n] <= dense}
    assert {(r["a"], r["n"]): r["c"] for r in likes.records} == kept
    said = store.driver.execute_query("MATCH (n:Note) RETURN n.noteId AS n, n.leftOut_LIKED_by AS likes").records
    assert {r["n"]: r["likes"] for r in said if r["likes"]} == {n: c for n, c in by_note.items() if c > dense}


def test_killed_anywhere_then_repeated(store: GraphStore, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "RELATION_BATCH", 7)
    monkeypatch.setattr(loading, "NODE_BATCH", 7)
    monkeypatch.setattr(loading, "MARK_EVERY", 10)
    append(log, **random_batch(1))
    store.load(log)
    for seed in (2, 3):
        append(log, **random_batch(seed))
    survived = 0
    for queries in [*range(0, 60, 6), 200]:
        try:
            loading.load(Mortal(store.driver, queries), log)  # type: ignore[arg-type]
        except ServiceUnavailable:
            survived += 1
    assert survived >= 5
    assert store.load(log).batches == 0
    repeated = snapshot(store)
    store.wipe()
    store.prepare()
    store.load(log)
    assert snapshot(store) == repeated


def test_what_was_killed_goes_on_where_it_was(
    store: GraphStore, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 60 likes in batches of 10, 40 are in when the server goes away; then only the rest is written."""
    monkeypatch.setattr(loading, "RELATION_BATCH", 10)
    monkeypatch.setattr(loading, "MARK_EVERY", 20)
    rows = [
        {"event_id": f"e{i}", "account_id": f"a{i:02}", "kind": "like", "at": T0, "target_id": "n"} for i in range(60)
    ]
    append(log, interactions=rows)

    class Watching(Mortal):
        likes: list[list[Any]]

        def execute_query(self, query: str, *args: Any, **kwargs: Any) -> Any:
            if "LIKED" in query and "rows" in kwargs:
                if len(self.likes) == self.left:
                    raise ServiceUnavailable("gone")
                self.likes += kwargs["rows"]
            return self.driver.execute_query(query, *args, **kwargs)

    first, second = Watching(store.driver, 40), Watching(store.driver, 10**6)
    for watching in (first, second):
        watching.likes = []
    with pytest.raises(ServiceUnavailable):
        loading.load(first, log)  # type: ignore[arg-type]
    assert store.counts()["LIKED"] == 40
    report = loading.load(second, log)  # type: ignore[arg-type]
    assert [row[0] for row in second.likes] == [f"a{i}" for i in range(40, 60)]
    assert report.relationships == store.counts()["LIKED"] == 60
    assert "LoadMark" not in store.counts()


def test_another_log_is_refused(store: GraphStore, log: EventLog, tmp_path: Path) -> None:
    append(log, **random_batch(1))
    store.load(log)
    other = EventLog(tmp_path / "other")
    append(other, **random_batch(2))
    with pytest.raises(ConflictError, match="another event log"):
        store.load(other)


def test_wipe_leaves_what_is_not_shoals(store: GraphStore, log: EventLog) -> None:
    store.driver.execute_query("CREATE (:Elsewhere {name: 'kept'})")
    append(log, **random_batch(1))
    store.load(log)
    store.wipe()
    assert store.counts() == {"Elsewhere": 1}
    store.driver.execute_query("MATCH (n:Elsewhere) DELETE n")


def test_a_newer_schema_is_refused(store: GraphStore) -> None:
    store.driver.execute_query("MATCH (s:Schema) SET s.version = 99")
    with pytest.raises(ConflictError, match="schema 99"):
        store.prepare()


# Showing runs


@pytest.fixture
def people(store: GraphStore) -> GraphStore:
    store.driver.execute_query("UNWIND range(0, 299) AS i CREATE (:Account {accountId: 'a' + i})")
    return store


def test_shows_a_run_and_then_another(people: GraphStore, tmp_path: Path) -> None:
    large, small = make_run(tmp_path, 100, "large"), make_run(tmp_path, 30, "small")
    people.show_run(large)
    before = snapshot(people)
    edge = people.driver.execute_query(
        "MATCH (:Account {accountId: 'a1'})-[r:COORDINATED_WITH]->(:Account {accountId: 'a2'}) RETURN r"
    ).records[0]["r"]
    assert (edge["objects"], edge["channels"], edge["channelObjects"]) == (7, ["share", "like"], [7, 3])
    people.show_run(small)
    counts = people.counts()
    assert {k: counts[k] for k in ("Run", "Cluster", "Network", "MEMBER_OF", "OF", "FOUND_IN", "COORDINATED_WITH")} == {
        "Run": 1,
        "Cluster": 3,
        "Network": 3,
        "MEMBER_OF": 30,
        "OF": 3,
        "FOUND_IN": 3,
        "COORDINATED_WITH": 30,
    }
    assert people.shown_run() == small.run_id
    scored = people.driver.execute_query("MATCH (a:Account) WHERE a.score = 0.5 AND a.degree = 2 RETURN count(a) AS n")
    assert scored.records[0]["n"] == 30
    people.show_run(large)
    people.show_run(large)
    assert snapshot(people) == before


def test_a_run_whose_accounts_are_missing_leaves_the_old_view(people: GraphStore, tmp_path: Path) -> None:
    people.show_run(make_run(tmp_path, 30, "old"))
    before = snapshot(people)
    with pytest.raises(ConflictError, match="load the event log first"):
        people.show_run(make_run(tmp_path, 310, "new"))
    assert snapshot(people) == before


def test_a_reader_never_meets_half_a_run(people: GraphStore, tmp_path: Path) -> None:
    """A reader polls while runs of two sizes take turns; what it counts always belongs to one of them."""
    runs = [make_run(tmp_path, size, f"size{size}") for size in (300, 50)]
    people.show_run(runs[0])
    query = (
        "MATCH (v:View) MATCH (r:Run {view: v.number}) WITH v.number AS view, count(r) AS runs, max(r.runId) AS id "
        "OPTIONAL MATCH (n:Network {view: view}) WITH view, runs, id, count(n) AS networks "
        "OPTIONAL MATCH (:Account)-[e:COORDINATED_WITH {view: view}]->() RETURN runs, id, networks, count(e) AS edges"
    )
    seen: list[tuple[int, str, int, int]] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            record = people.driver.execute_query(query).records[0]
            seen.append((record["runs"], record["id"], record["networks"], record["edges"]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for i in range(1, 7):
            people.show_run(runs[i % 2])
    finally:
        over.set()
        reader.join()
    assert set(seen) == {(1, runs[0].run_id, 30, 300), (1, runs[1].run_id, 5, 50)}
    assert len(seen) > 20


def test_verdicts_are_projected_and_old_ones_change_nothing(people: GraphStore) -> None:
    def show(tier: str | None, version: int) -> None:
        people.show_verdicts(pa.table({"account_id": ["a1", "stranger"], "tier": [tier] * 2, "version": [version] * 2}))

    def shown() -> tuple[str, int]:
        query = "MATCH (a:Account {accountId: 'a1'}) RETURN a.verdictTier AS tier, a.verdictVersion AS version"
        return tuple(people.driver.execute_query(query).records[0].values())  # type: ignore[return-value]

    show("warn", 3)
    assert shown() == ("warn", 3)
    show("ban", 2)
    assert shown() == ("warn", 3)
    show("none", 4)
    assert shown() == ("none", 4)
    assert people.counts() == {"Account": 300, "Schema": 1}


# Connecting elsewhere


@pytest.fixture
def address(store: GraphStore) -> str:
    info = store.driver.get_server_info()
    return f"bolt://{info.address[0]}:{info.address[1]}"


def _elsewhere(small: Settings, uri: str, password: str) -> Settings:
    return small.model_copy(update={"neo4j_uri": uri, "neo4j_password": SecretStr(password)})


def test_wrong_credentials(address: str, small: Settings, tmp_path: Path) -> None:
    with (
        pytest.raises(DeniedError, match="refuses these credentials") as error,
        connect(Workspace(tmp_path), _elsewhere(small, address, "not the password")),
    ):
        pass
    assert "not the password" not in str(error.value)
    assert not (tmp_path / "neo4j").exists()


def test_right_credentials_start_nothing(address: str, small: Settings, neo4j: Workspace, tmp_path: Path) -> None:
    with connect(Workspace(tmp_path), _elsewhere(small, address, neo4j.secret("neo4j"))) as store:
        assert store.counts()["Schema"] == 1
    assert not (tmp_path / "neo4j").exists()


@pytest.mark.parametrize(
    ("uri", "error"),
    [("bolt://127.0.0.1:9", UnavailableError), ("http://127.0.0.1", InputError), ("127.0.0.1:7687", InputError)],
)
def test_an_address_that_is_no_neo4j(small: Settings, tmp_path: Path, uri: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"127\.0\.0\.1"), connect(Workspace(tmp_path), _elsewhere(small, uri, "x")):
        pass
