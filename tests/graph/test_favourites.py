"""The queries offered in Browser run against a shown run, and the files for Browser are whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from graphkit import T0, append, make_run

from graph.favourites import favourites, write
from graph.log import EventLog
from graph.store import GraphStore

PARAMETERS = {"network": "shown-0", "account": "a1", "other": "a2"}


@pytest.fixture
def shown(store: GraphStore, tmp_path: Path) -> GraphStore:
    log = EventLog(tmp_path / "log")
    likes = [
        {"event_id": f"e{i}", "account_id": f"a{i}", "kind": "like", "at": T0 + i, "target_id": f"n{i // 10}"}
        for i in range(50)
    ]
    accounts = [{"account_id": f"a{i}", "registration_client": "tool"} for i in range(50)]
    append(log, interactions=likes, accounts=accounts)
    store.load(log)
    store.show_run(make_run(tmp_path, 50, "shown"))
    return store


def test_every_favourite_answers(shown: GraphStore) -> None:
    queries = favourites()
    assert len(queries) == 9
    rows = {}
    for title, query in queries.items():
        rows[title.split(" (first")[0]] = shown.driver.execute_query(query, parameters_=PARAMETERS).records
    networks = rows["Networks of the current run"]
    assert [row["network"] for row in networks] == sorted(f"shown-{i}" for i in range(0, 50, 10))
    members = rows["One network: members and coordination edges"]
    assert {row["a"]["accountId"] for row in members} == {f"a{i}" for i in range(10)}
    assert len([row for row in members if row["e"]]) == 9
    acted = rows["What the members of a network acted on together, rarest first"]
    assert [(row["object"], row["how"], row["members"]) for row in acted] == [("n0", "LIKED", 10)]
    evidence = rows["Evidence around one account: whom it is coordinated with, and on what both acted"]
    assert {(row["b"]["accountId"], row["o"]["noteId"]) for row in evidence} == {("a0", "n0"), ("a2", "n0")}
    behind = rows["Evidence behind one edge: all that both accounts acted on, rarest first"]
    assert [(row["how"], row["o"]["noteId"], row["everybody"]) for row in behind] == [("LIKED", "n0", 10)]
    assert behind[0]["sentence"].startswith("a1 and a2 acted together on 7 objects")
    clients = rows["Networks whose members were registered through the same client"]
    assert {(row["client"], row["registered"], row["everybody"]) for row in clients} == {("tool", 10, 50)}
    scores = rows["Accounts by score; what the score is a probability of stands beside it. A score is no verdict"]
    assert len(scores) == 50


def test_files_for_browser(tmp_path: Path) -> None:
    archive, style = write(tmp_path)
    first = archive.read_bytes()
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        assert [opened.read(name).decode() for name in sorted(opened.namelist())] == list(favourites().values())
        assert all(name.startswith("Shoal/") for name in opened.namelist())
    write(tmp_path)
    assert archive.read_bytes() == first
    assert "node.Account" in style.read_text()
