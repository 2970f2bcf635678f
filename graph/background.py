"""Programs that go on in the background of a data folder (`shoal up`): started once, found again, stopped.

A program is known by its process id and the time that process began, so that a recycled id is never taken for it.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from graph.errors import UnavailableError
from graph.files import write_json
from graph.workspace import Workspace

START_S = 60.0
STOP_S = 30.0


@dataclass(frozen=True)
class Program:
    """A running program; `address` where it announced one (api.json)."""

    name: str
    pid: int
    address: str | None


def spawn(workspace: Workspace, name: str, command: list[str]) -> Program:
    """Start `command` under `name` unless it runs, and wait until it stays up; its output goes to DIR/<name>.log.

    Raises UnavailableError with the end of that file if it ends at once.
    """
    running = find(workspace, name)
    if running is not None:
        return running
    output = workspace.root / f"{name}.log"
    workspace.root.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as file:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    record = {"pid": process.pid, "began": psutil.Process(process.pid).create_time()}
    write_json(_file(workspace, name), record)
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = output.read_text(errors="replace").splitlines()[-8:]
            raise UnavailableError(f"{name} ended at once; the end of {output}:\n" + "\n".join(tail))
        program = find(workspace, name)
        if program is not None and (program.address or name != "serve"):
            return program
        time.sleep(0.1)
    raise UnavailableError(f"{name} did not come up in {START_S:.0f} s; see {output}")


def find(workspace: Workspace, name: str) -> Program | None:
    """The program of this name, if it runs."""
    process = _process(workspace, name)
    if process is None:
        return None
    announced = workspace.root / "api.json"
    address = json.loads(announced.read_text()) if name == "serve" and announced.exists() else {}
    return Program(name, process.pid, address.get("url") if address.get("pid") == process.pid else None)


def stop(workspace: Workspace, name: str) -> bool:
    """End the program cleanly; says whether it ran."""
    process = _process(workspace, name)
    _file(workspace, name).unlink(missing_ok=True)
    if process is None:
        return False
    process.terminate()
    try:
        process.wait(STOP_S)
    except psutil.TimeoutExpired:
        process.kill()
    return True


def _process(workspace: Workspace, name: str) -> psutil.Process | None:
    try:
        record = json.loads(_file(workspace, name).read_text())
        process = psutil.Process(record["pid"])
        same = process.create_time() == record["began"] and process.status() != psutil.STATUS_ZOMBIE
    except (FileNotFoundError, psutil.NoSuchProcess):
        return None
    return process if same else None


def _file(workspace: Workspace, name: str) -> Path:
    return workspace.root / f"{name}.pid.json"
