"""The server's life: crashes of either side, two starters, taken ports, one folder. Slow: real JVMs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from socket import socket

import psutil
import pyarrow as pa
import pytest
from graphkit import T0, append, expected_likes

from graph import embedded, neo4j_home
from graph.errors import ConflictError, ShoalError, UnavailableError
from graph.measures import measure
from graph.model import EDGES
from graph.settings import Settings, settings
from graph.store import connect
from graph.workspace import Workspace

START = """
import sys
from pathlib import Path
from graph import embedded
from graph.settings import Settings
from graph.workspace import Workspace
server = embedded.start(Workspace(Path(sys.argv[1])), Settings.model_validate_json(sys.argv[2]))
print(server.pid, server.uri)
"""


def _starter(workspace: Workspace, config: Settings) -> subprocess.Popen[str]:
    """Another process that starts the folder's server."""
    environment = {k: v for k, v in os.environ.items() if k not in ("NEO4J_URI", "SHOAL_NEO4J_URI")}
    command = [sys.executable, "-c", START, str(workspace.root), config.model_dump_json(exclude={"neo4j_uri"})]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A data folder that the tests of this module go through in order."""
    workspace = Workspace(tmp_path_factory.mktemp("life") / "with space")
    yield workspace
    embedded.stop(workspace)


def test_its_starter_dies(folder: Workspace, small: Settings) -> None:
    """The starter is killed while the server starts; the next one finds that server, password and all."""
    starter = _starter(folder, small)
    record = folder.neo4j / "server.json"
    while not (record.exists() and "pid" in json.loads(record.read_text())):
        assert starter.poll() is None
        time.sleep(0.05)
    starter.kill()
    starter.communicate()
    pid = json.loads(record.read_text())["pid"]
    server = embedded.start(folder, small)
    assert server.pid == pid
    assert os.getsid(pid) == pid  # its own session: the terminal's Ctrl-C does not reach it
    assert server.password not in repr(server)
    assert folder.secret("neo4j") == server.password
    listening = {c.laddr.ip for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN}
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
    # killed a moment earlier, before the process was written down
    record.write_text(json.dumps({k: v for k, v in json.loads(record.read_text()).items() if k != "pid"}))
    assert embedded.find(folder) == server
    assert embedded.start(folder, small) == server


def test_a_folder_that_is_open_elsewhere(folder: Workspace, small: Settings) -> None:
    """A server that cannot be seen (on another machine, say) holds the folder."""
    server = embedded.find(folder)
    assert server is not None
    record = folder.neo4j / "server.json"
    text = record.read_text()
    record.unlink()
    try:
        with pytest.raises(ConflictError, match="another Neo4j has this folder open"):
            embedded.start(folder, small)
    finally:
        record.write_text(text)
    assert embedded.find(folder) == server


def test_the_server_is_killed_in_the_middle_of_a_load(folder: Workspace, small: Settings) -> None:
    rng = random.Random(4)
    rows = [
        {
            "event_id": f"e{i}",
            "account_id": f"a{rng.randrange(3000)}",
            "kind": "like",
            "at": T0 + i,
            "target_id": f"n{rng.randrange(3000)}",
        }
        for i in range(60_000)
    ]
    append(folder.log, interactions=rows)
    errors: list[ShoalError] = []

    def load() -> None:
        try:
            with connect(folder, small) as store:
                store.prepare()
                store.load(folder.log)
        except ShoalError as error:
            errors.append(error)

    server = embedded.find(folder)
    assert server is not None
    with connect(folder, small) as watcher:
        thread = threading.Thread(target=load)
        thread.start()
        while not watcher.counts().get("LIKED"):
            assert thread.is_alive()
    os.kill(server.pid, signal.SIGKILL)
    thread.join()
    assert isinstance(errors[0], UnavailableError)
    assert "goes on" in str(errors[0])
    assert embedded.find(folder) is None


def test_two_starters_after_the_crash(folder: Workspace, small: Settings) -> None:
    """Both get the same server; what was written before the crash is there, and the load goes on."""
    starters = [_starter(folder, small) for _ in range(2)]
    answers = {starter.communicate()[0].strip() for starter in starters}
    assert [starter.returncode for starter in starters] == [0, 0]
    assert len(answers) == 1
    server = embedded.find(folder)
    assert server is not None
    assert answers == {f"{server.pid} {server.uri}"}
    with connect(folder, small) as store:
        assert store.load(folder.log).batches == 1
        found = store.driver.execute_query(
            "MATCH (a)-[r:LIKED]->(n) RETURN a.accountId AS a, n.noteId AS n, r.count AS c"
        )
        assert {(r["a"], r["n"]): r["c"] for r in found.records} == dict(expected_likes(folder.log))
    assert embedded.find(folder) is not None  # connect leaves a server running that it did not start


def test_the_server_is_killed_in_the_middle_of_measuring(folder: Workspace, small: Settings) -> None:
    """Measured again after a restart, on the folder as the crash left it, the table is the same."""
    rng = random.Random(9)
    pairs = {tuple(sorted((f"a{rng.randrange(900)}", f"a{rng.randrange(900)}"))) for _ in range(9000)}
    base = {"channel": "all", "co_actions": 1, "first_at": 0, "last_at": 0}
    rows = [{**base, "account_a": a, "account_b": b, "objects": rng.randrange(1, 9)} for a, b in pairs if a != b]
    edges = pa.Table.from_pylist(rows, EDGES.schema)
    with connect(folder, small) as store:
        undisturbed = measure(store, edges, 5)
        server = embedded.find(folder)
        assert server is not None
        errors: list[Exception] = []

        def again() -> None:
            try:
                with connect(folder, small) as other:
                    measure(other, edges, 5)
            except ShoalError as error:
                errors.append(error)

        thread = threading.Thread(target=again)
        thread.start()
        while not store.counts().get("DraftEdges"):
            assert thread.is_alive()
    os.kill(server.pid, signal.SIGKILL)
    thread.join()
    assert isinstance(errors[0], UnavailableError)
    with connect(folder, small, keep=True) as store:
        assert measure(store, edges, 5) == undisturbed


def test_stop_and_the_record_of_a_recycled_process_id(folder: Workspace) -> None:
    server = embedded.find(folder)
    assert server is not None
    record = (folder.neo4j / "server.json").read_text()
    assert embedded.stop(folder)
    assert not psutil.pid_exists(server.pid) or psutil.Process(server.pid).status() == psutil.STATUS_ZOMBIE
    assert not embedded.stop(folder)
    (folder.neo4j / "server.json").write_text(json.dumps({**json.loads(record), "pid": os.getpid()}))
    assert embedded.find(folder) is None
    assert not embedded.stop(folder)
    assert "Stopped." in (folder.neo4j / "logs" / "console.log").read_text()


def test_a_configured_port_is_taken(tmp_path: Path, small: Settings) -> None:
    with closing(socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(ConflictError, match=f"SHOAL_BOLT_PORT is {port}, but another process listens there"):
            embedded.start(Workspace(tmp_path), small.model_copy(update={"bolt_port": port}))


def test_a_server_that_cannot_start_says_why(tmp_path: Path, small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(neo4j_home.SETTINGS, "no.such.setting", "1")
    with pytest.raises(UnavailableError, match=r"no\.such\.setting"):
        embedded.start(Workspace(tmp_path), small)
    assert embedded.find(Workspace(tmp_path)) is None


@pytest.mark.parametrize(
    ("gigabytes", "heap", "page_cache"), [(1, 512, 256), (16, 2048, 2048), (24, 3072, 3072), (256, 4096, 4096)]
)
def test_memory_by_machine(gigabytes: int, heap: int, page_cache: int) -> None:
    config = settings().model_copy(update={"heap_mb": None, "page_cache_mb": None})
    sizes = neo4j_home.memory(config, gigabytes << 30)
    assert (sizes.heap, sizes.page_cache) == (heap, page_cache)
    assert neo4j_home.memory(config.model_copy(update={"heap_mb": 777}), 1 << 40).heap == 777
