"""Bulk import, on real Neo4js: the same graph as by transactions, whole or not at all. Slow: real JVMs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner
from graphkit import T0, append, random_batch, snapshot
from pydantic import SecretStr

from graph import bulk, deeds, embedded, neo4j_home
from graph.errors import ConflictError, UnavailableError
from graph.log import EventLog
from graph.settings import Settings
from graph.store import GraphStore, connect, loaded
from graph.workspace import Workspace
from shoal import cli

# what CSV could get wrong: quotation marks, separators, ends of lines, blanks, nothing, other scripts, NUL
HOSTILE = [
    *(
        '"',
        '""',
        '"quoted"',
        "\\",
        '\\"',
        ",",
        ";",
        "a,b;c",
        "'",
        "\t",
        " before",
        "after ",
        "null",
        "NULL",
        "true",
        "007",
    ),
    *(
        "\n",
        "\r",
        "\r\n",
        "two\nlines",
        'a "b"\n,c',
        "\ufeffmark",
        "界",
        "🐟",
        "e\u0301",
        "\x00",
        "a\x00b",
        "%s",
        "{x}",
        "#",
    ),
]
BATCHES = (11, 12, 13, 14, 15)


def fill(log: EventLog) -> None:
    """Random batches, and ids and facts that are hard to write down."""
    for seed in BATCHES:
        append(log, **random_batch(seed))
    rows, actions, accounts, bare = [], [], [], []
    for i, text in enumerate(HOSTILE):
        row = {
            "event_id": f"h{i}",
            "account_id": f"acc {text}",
            "kind": "like",
            "at": T0 + i,
            "target_id": f"{text}note",
        }
        rows.append({**row, "client": f"{text} c"})
        event = {"event_id": f"h{i}", "account_id": "a1", "at": T0}
        actions += [{**event, "channel": c, "object_id": f"{c}:{text}"} for c in ("url", "hashtag")]
        accounts.append(
            {"account_id": f"acc {text}", "verified_role": text, "declared_automation": i % 2 == 0, "device_id": text}
        )
        bare.append({"event_id": f"b{i}", "account_id": text, "channel": text, "object_id": text, "at": T0 - i})
    accounts.append({"account_id": "no facts"})
    append(log, interactions=rows, actions=actions, accounts=accounts)
    append(log, actions=bare)


def schema(store: GraphStore) -> list[tuple[Any, ...]]:
    """Constraints and indexes."""
    found = store.driver.execute_query(
        "SHOW INDEXES YIELD name, type, labelsOrTypes, properties, owningConstraint, state "
        "RETURN name, type, labelsOrTypes, properties, owningConstraint, state ORDER BY name"
    )
    return [tuple(map(str, record.values())) for record in found.records]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A data folder, its name hard to write down as well, that the tests of this module go through in order."""
    workspace = Workspace(tmp_path_factory.mktemp("bulk") / "with space, comma")
    fill(workspace.log)
    yield workspace
    embedded.stop(workspace)


@pytest.mark.parametrize("dense", [deeds.DENSE, 3])
def test_the_graph_is_the_one_by_transactions(
    folder: Workspace, store: GraphStore, small: Settings, monkeypatch: pytest.MonkeyPatch, dense: int
) -> None:
    """First into a folder without a database; then over a running server, wiped, which is found where it was."""
    monkeypatch.setattr(deeds, "DENSE", dense)
    before = embedded.find(folder)
    with loaded(folder, small, keep=True, bulk=True, wipe=before is not None) as (filled, report):
        assert report.bulk
        assert filled.load(folder.log).batches == 0
        by_bulk, indexes = snapshot(filled), schema(filled)
        assert filled.counts()["Schema"] == 1
    written = store.load(folder.log)
    assert snapshot(store) == by_bulk
    assert schema(store) == indexes
    assert report.batches == written.batches == len(BATCHES) + 2
    assert any("leftOut_USED_by" in node for node in by_bulk["nodes"]) == (dense == 3)
    after = embedded.find(folder)
    assert after is not None
    if before:
        assert (after.uri, after.browser) == (before.uri, before.browser)
    assert not (folder.neo4j / "importing").exists()


def test_what_comes_later_is_loaded_in_transactions(
    folder: Workspace, store: GraphStore, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "DENSE", 3)
    append(folder.log, **random_batch(22))
    with loaded(folder, small, wipe=False) as (filled, report):
        assert not report.bulk
        assert report.batches == 1
        grown = snapshot(filled)
    store.load(folder.log)
    assert snapshot(store) == grown
    with pytest.raises(ConflictError, match="needs an embedded Neo4j that is empty"), loaded(folder, small, bulk=True):
        pass


def test_somebody_elses_work_is_never_replaced(folder: Workspace, small: Settings) -> None:
    with connect(folder, small) as store:
        assert not store.holds_only(["Schema"])
        store.driver.execute_query("CREATE INDEX theirs IF NOT EXISTS FOR (n:Account) ON (n.verifiedRole)")
        with pytest.raises(ConflictError, match="bulk import"), loaded(folder, small, bulk=True, wipe=True):
            pass
        store.driver.execute_query("DROP INDEX theirs")
        store.driver.execute_query("CREATE (:Elsewhere)")
        with pytest.raises(ConflictError, match="bulk import"), loaded(folder, small, bulk=True, wipe=True):
            pass
        store.driver.execute_query("MATCH (n:Elsewhere) DELETE n")


def test_an_external_server_is_never_stopped(folder: Workspace, small: Settings) -> None:
    server = embedded.find(folder)
    assert server is not None
    elsewhere = small.model_copy(update={"neo4j_uri": server.uri, "neo4j_password": SecretStr(server.password)})
    with pytest.raises(ConflictError, match="bulk import"), loaded(folder, elsewhere, bulk=True, wipe=True):
        pass
    with loaded(folder, elsewhere) as (_, report):
        assert report.batches == 0
    assert embedded.find(folder) == server


LOAD = "import sys; from shoal import main; sys.argv = ['shoal', 'load', '--bulk', '--dir', sys.argv[1]]; main()"


def test_killed_in_the_middle_then_repeated(tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is killed and leaves the import tool alone; the next one, which chooses by itself, finishes."""
    for name in ("NEO4J_URI", "SHOAL_NEO4J_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SHOAL_HEAP_MB", "768")
    monkeypatch.setenv("SHOAL_PAGE_CACHE_MB", "64")
    monkeypatch.setattr(bulk, "WORTH", 1)
    workspace = Workspace(tmp_path / "data")
    fill(workspace.log)
    started = subprocess.Popen([sys.executable, "-c", LOAD, str(workspace.root)], stderr=subprocess.PIPE)
    while not (workspace.neo4j / "importing" / "data" / "databases" / "neo4j").exists():
        assert started.poll() is None
        time.sleep(0.01)
    started.kill()
    started.communicate()
    assert not embedded.has_database(workspace)
    mark = f"@{workspace.neo4j.resolve() / 'importing' / 'conf' / 'import.args'}"
    told = CliRunner().invoke(cli, ["up", "--no-api", "--dir", str(workspace.root)], catch_exceptions=False)
    assert "relationships written by bulk import" in told.output
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in (p.info["cmdline"] or ())]
    with connect(workspace, small) as store:
        whole = snapshot(store)
    # killed between the commit of a replacement and its end: the next start finishes it
    embedded.stop(workspace)
    home = workspace.neo4j.resolve()
    (home / "imported").mkdir()
    (home / "data").rename(home / "imported" / "data")
    assert embedded.has_database(workspace)
    try:
        with loaded(workspace, small, keep=True) as (store, report):
            assert report.batches == 0
            assert snapshot(store) == whole
    finally:
        embedded.stop(workspace)


def test_an_import_that_fails_says_why_and_leaves_what_was(
    tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace(tmp_path)
    append(workspace.log, **random_batch(1))
    monkeypatch.setattr(bulk, "LEAST_MB", 2)
    tiny = small.model_copy(update={"heap_mb": 2, "page_cache_mb": 1})
    with (
        pytest.raises(UnavailableError, match=r"(?s)bulk import failed.*--no-bulk.*\n  "),
        loaded(workspace, tiny, bulk=True),
    ):
        pass
    assert not embedded.has_database(workspace)
    assert embedded.find(workspace) is None


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("crash", range(6))
def test_adopting_goes_on_after_any_crash(
    tmp_path: Path, crash: int, monkeypatch: pytest.MonkeyPatch, *, old: bool
) -> None:
    for folder, there in (("imported/data", True), ("data", old)):
        if there:
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "which").write_text(folder)

    class CrashError(Exception):
        pass

    left = [crash]

    def mortal(function: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            if not left[0]:
                raise CrashError
            left[0] -= 1
            return function(*args, **kwargs)

        return run

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", mortal(Path.rename))
        patch.setattr(neo4j_home.shutil, "rmtree", mortal(neo4j_home.shutil.rmtree))
        try:
            neo4j_home.adopt(tmp_path)
        except CrashError:
            assert sum((tmp_path / f / "which").exists() for f in ("data", "imported/data")) >= 1
    neo4j_home.adopt(tmp_path)
    assert (tmp_path / "data" / "which").read_text() == "imported/data"
    assert [p.name for p in tmp_path.iterdir()] == ["data"]
    neo4j_home.adopt(tmp_path)
    assert (tmp_path / "data" / "which").exists()


def test_only_a_large_log_is_worth_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = EventLog(tmp_path)
    assert not bulk.is_worth_it(log)
    append(log, **random_batch(1))
    assert not bulk.is_worth_it(log)
    rows = sum(
        about["rows"] for name, about in log.batches()[0].info["files"].items() if name in ("interactions", "actions")
    )
    monkeypatch.setattr(bulk, "WORTH", rows + 1)
    assert not bulk.is_worth_it(log)
    monkeypatch.setattr(bulk, "WORTH", rows)
    assert bulk.is_worth_it(log)
