"""The whole job on a small platform: killed in the middle, run again, run twice; through the real command."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from graph.runs import Run
from graph.workspace import Workspace

ACCOUNTS, SEED = 700, 3


def shoal(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shoal", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        timeout=400,
    )


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("platform")
    done = shoal("simulate", str(folder), "--accounts", str(ACCOUNTS), "--seed", str(SEED))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def undisturbed(platform: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("undisturbed"))
    workspace.secret("templates")
    done = shoal("run", str(platform), "--dir", str(workspace.root))
    assert done.returncode == 0, done.stderr + done.stdout
    assert "networks with" in done.stdout
    assert "GraphSAGE" in done.stdout
    assert "forest" in done.stdout
    return workspace


def hashes(run: Run) -> dict[str, Any]:
    return {name: entry["sha256"] for name, entry in run.manifest["files"].items()}


def test_the_run_is_whole_current_published_and_reported(undisturbed: Workspace) -> None:
    run = undisturbed.runs.current()
    run.verify()
    made = ("edges", "clusters", "networks", "evidence", "behaviour", "content", "measures", "scores", "suggestions")
    assert set(made) <= {n.removesuffix(".parquet") for n in hashes(run)}
    assert (undisturbed.reports / f"{run.run_id}.html").read_text().startswith("<!doctype html>")
    assert undisturbed.decisions.exists()
    scores = run.table("scores")
    assert scores.num_rows == run.table("behaviour").num_rows


def test_run_twice_changes_nothing(platform: Path, undisturbed: Workspace) -> None:
    before = undisturbed.runs.current_id()
    done = shoal("run", str(platform), "--dir", str(undisturbed.root), PYTHONHASHSEED="77")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("in the log already, nothing to do") == 3
    assert undisturbed.runs.current_id() == before
    assert len(undisturbed.runs.all()) == 1


def test_killed_in_the_middle_and_run_again_gives_the_same_hashes(
    platform: Path, undisturbed: Workspace, tmp_path: Path
) -> None:
    """Kill the command, then Neo4j under it, then the command again, at odd moments; then let it end."""
    workspace = Workspace(tmp_path / "disturbed")
    (workspace.root / "secrets").mkdir(parents=True)
    shutil.copy(undisturbed.root / "secrets" / "templates", workspace.root / "secrets" / "templates")
    moments = random.Random(SEED)
    command = [sys.executable, "-m", "shoal", "run", str(platform), "--dir", str(workspace.root)]
    for attempt, victim in enumerate(["shoal", "neo4j", "shoal"]):
        with (tmp_path / f"out-{attempt}").open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
            )
        wait_for_step(process, workspace, attempt)
        time.sleep(moments.uniform(0.0, 1.0))
        if victim == "shoal":
            process.kill()
        else:
            kill_neo4j(workspace)
        assert process.wait(300) != 0
    done = shoal("run", str(platform), "--dir", str(workspace.root), PYTHONHASHSEED="5")
    assert done.returncode == 0, done.stderr + done.stdout
    run, reference = workspace.runs.current(), undisturbed.runs.current()
    assert hashes(run) == hashes(reference)
    assert run.manifest["key"] == reference.manifest["key"]
    assert run.manifest["steps"] == reference.manifest["steps"]


def wait_for_step(process: subprocess.Popen[bytes], workspace: Workspace, attempt: int) -> None:
    """Wait for a moment inside the run: Neo4j loading; the run in the making; detection done."""
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        building = list((workspace.runs.root / ".building").glob("*"))
        reached = [
            bool(list(workspace.neo4j.glob("server.json"))),
            bool(building),
            bool([s for b in building if (s := b / "steps.json").exists() and "detect" in json.loads(s.read_text())]),
        ]
        if reached[attempt]:
            return
        time.sleep(0.02)


def kill_neo4j(workspace: Workspace) -> None:
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or [])
        if str(workspace.neo4j.resolve()) in command and "java" in command:
            process.send_signal(signal.SIGKILL)


def test_interrupted_it_says_so_and_goes_on(platform: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    process = subprocess.Popen(
        [sys.executable, "-m", "shoal", "ingest", str(platform), "--dir", str(workspace.root)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (workspace.root / ".lock").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 130)  # 0: it was through already
    assert "Traceback" not in errors
    assert shoal("ingest", str(platform), "--dir", str(workspace.root)).returncode == 0
    assert len(workspace.log.batches()) == 3


def test_two_at_once_in_one_folder_is_refused_in_a_sentence(tmp_path: Path, platform: Path) -> None:
    workspace = Workspace(tmp_path / "data")
    with workspace.writing():
        done = shoal("ingest", str(platform), "--dir", str(workspace.root))
    assert done.returncode == 3
    assert "another shoal" in done.stderr


@pytest.mark.parametrize("name", ["nothing.csv", "empty.csv", "wrong.parquet"])
def test_a_wrong_file_is_one_sentence_and_no_traceback(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name != "nothing.csv":
        path.write_bytes(b"" if name == "empty.csv" else b"not parquet")
    done = shoal("run", str(path), "--dir", str(tmp_path / "data"))
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("Error: ")
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_a_policy_that_would_be_refused_at_the_end_is_refused_at_the_beginning(tmp_path: Path, platform: Path) -> None:
    policy, folder = tmp_path / "mine.yml", tmp_path / "data"
    policy.write_text("version: '1'\nhosting_tools: tool\n")
    done = shoal("run", str(platform), "--dir", str(folder), SHOAL_POLICY=str(policy))
    assert done.returncode == 2
    assert "mine.yml" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Workspace(folder).log.batches()


def test_help_answers_at_once() -> None:
    """Not a timing of the machine: the heavy libraries must not have been imported."""
    code = (
        "import sys, shoal\n"
        "try: shoal.cli.main(['run', '--help'], standalone_mode=False)\n"
        "finally: print(sorted({'torch', 'duckdb', 'pyarrow', 'pandas', 'neo4j', 'fastapi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"
