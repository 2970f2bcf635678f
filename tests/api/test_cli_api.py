"""The commands, as processes: a real server on a real port, a worker, keys, the policy, the audit log."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from apikit import Caller, Platform, approved, banned_network, state_of
from click.testing import CliRunner
from sqlalchemy import Engine

from api.audit import verify_chain
from api.auth import SCOPES
from api.cli import COMMANDS
from graph.errors import ConflictError, InputError, NothingFoundError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(platform: Platform, store_url: str) -> dict[str, str]:
    """The environment of the commands: the data folder and the store under test."""
    return {**os.environ, "SHOAL_DIR": str(platform.place.root), "SHOAL_DATABASE_URL": store_url}


def process(environment: dict[str, str], *arguments: str) -> str:
    """Run a command as a process of its own; returns what it printed."""
    line = [sys.executable, "-m", "shoal", *arguments]
    done = subprocess.run(line, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def said(environment: dict[str, str]) -> Callable[..., str]:
    """Run a command in this process; returns what it printed."""

    def run(*arguments: str) -> str:
        command = COMMANDS[arguments[0]]
        done = CliRunner(env=environment).invoke(command, arguments[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


@contextmanager
def serving(environment: dict[str, str], where: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    line = [sys.executable, "-m", "shoal", "serve", "--port", "0"]
    pipe = subprocess.PIPE
    server = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    try:
        until = time.monotonic() + 60
        while not where.exists() and server.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        told = json.loads(where.read_text())
        assert told["pid"] == server.pid
        yield server, told["url"]
    finally:
        server.kill()
        server.communicate()


class Keys:
    """Callers whose keys the command line made."""

    def __init__(self, http: httpx.Client, keys: dict[str, str]) -> None:
        self.callers = {name: Caller(http, key) for name, key in keys.items()}

    def __call__(self, name: str) -> Caller:
        return self.callers[name]


@pytest.mark.parametrize(
    "engine_name", ["sqlite"]
)  # on PostgreSQL: test_execution's killed workers, over processes too
def test_from_a_run_to_a_reversed_action(
    platform: Platform, environment: dict[str, str], engine: Engine, said: Callable[..., str]
) -> None:
    platform.place.runs.make_current(banned_network(platform))
    assert "8 ban" in process(environment, "publish")
    scopes = {
        "ann": ["verdict:read", "evidence:read", "action:propose"],
        "rob": ["review:write"],
        "bea": ["action:approve", "action:execute", "evidence:read"],
    }
    keys = {
        name: said("key", "create", "--name", name, *(x for s in wanted for x in ("--scope", s))).strip()
        for name, wanted in scopes.items()
    }
    where = platform.place.root / "api.json"
    with serving(environment, where) as (server, url), httpx.Client(base_url=url, timeout=30) as http:
        people = Keys(http, keys)
        action_id = approved(people)  # type: ignore[arg-type]
        for verb, body, wanted_state in (("execute", None, "executed"), ("reverse", {"reason": "trial"}, "reversed")):
            assert people("bea").post(f"/v1/network-actions/{action_id}:{verb}", body).status_code == 202
            for _ in range(500):
                if (state := state_of(people("bea"), action_id)) == wanted_state:
                    break
                time.sleep(0.02)
            assert state == wanted_state
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=30)
        assert server.returncode == 0
        assert all("[info     ] request " in line for line in err.splitlines()), err
        assert url in out
    assert not where.exists()
    assert "16 events, 5 labels and 16 records of bans delivered" in process(environment, "worker", "--once")
    assert verify_chain(engine) > 30


def test_keys_are_made_listed_and_revoked(said: Callable[..., str]) -> None:
    keys = [said("key", "create", "--name", name, "--scope", "audit:read").strip() for name in ("ann", "bea")]
    assert "revoked" in said("key", "revoke", keys[0].split("_")[1])
    listed = said("key", "list")
    assert [("revoked" in line, line.split()[1]) for line in listed.splitlines()] == [(True, "ann"), (False, "bea")]
    assert all(key.split("_")[2] not in listed for key in keys)
    assert set(said("key", "scopes").split()) >= set(SCOPES)
    assert "whole: 3 rows" in said("audit", "verify")
    with pytest.raises(InputError, match="unknown scope everything"):
        said("key", "create", "--name", "x", "--scope", "everything")
    with pytest.raises(ConflictError, match="revoked already"):
        said("key", "revoke", keys[0].split("_")[1])


def test_publishing_twice_and_the_policy_in_use(platform: Platform, said: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="no run yet"):
        said("publish")
    run = banned_network(platform)
    mine = tmp_path / "mine.yml"
    mine.write_text(said("policy", "show").replace('version: "1"', 'version: "mine"'))
    assert "policy mine, sha256" in said("policy", "check", str(mine))
    assert "8 ban" in said("publish", run.run_id, "--policy", str(mine))
    assert "nothing changed" in said("publish", run.run_id, "--policy", str(mine))
    assert said("policy", "show", "--published") == mine.read_text()
    mine.write_text("version: 3\n")
    with pytest.raises(InputError, match=r"mine\.yml: not a policy"):
        said("policy", "check", str(mine))


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_taken_port_is_a_sentence(platform: Platform, environment: dict[str, str], said: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConflictError, match="cannot listen"):
        said("serve", "--port", str(taken.getsockname()[1]))
    assert not (platform.place.root / "api.json").exists()


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_worker_ends_well_on_sigterm(platform: Platform, environment: dict[str, str]) -> None:
    line = [sys.executable, "-m", "shoal", "worker", "--every", "0.1"]
    pipe = subprocess.PIPE
    worker = subprocess.Popen(line, env=environment, cwd=ROOT, stdout=pipe, stderr=pipe, text=True)
    assert worker.stdout is not None
    assert "The worker runs" in worker.stdout.readline()
    worker.send_signal(signal.SIGTERM)
    _out, err = worker.communicate(timeout=30)
    assert (worker.returncode, err) == (0, "")


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, api.cli; print([m for m in ('sqlalchemy', 'fastapi', 'pyarrow', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
