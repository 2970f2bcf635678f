"""Work that is killed: a process that has loaded everything forks a child for each attempt, and SIGKILL ends it.

Either the child kills itself at its n-th file operation (as Python sees them: open, rename, mkdir, link, remove; what
DuckDB writes is not among them), or its parent kills it after a time, wherever it is then.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

OPERATIONS = {"open", "os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link"}


class Killer:
    """The parent of the children. `attempt` returns how many file operations a child lived for; None: it was killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def attempt(
        self, work: str, root: Path, *, at: int | None = None, after: float | None = None, **more: Any
    ) -> int | None:
        """Do some work in a child of its own, in the data folder `root`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"work": work, "root": str(root), "at": at, "after": after, "more": more}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        assert said["status"] in (0, -signal.SIGKILL), said
        return None if said["status"] else int(said["operations"])


@contextmanager
def killer() -> Iterator[Killer]:
    """Start the parent; it ends with the block."""
    line = [sys.executable, __file__]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        yield Killer(process)
        assert process.stdin is not None
        process.stdin.close()


def _ingest(root: Path, files: list[str], neo4j: list[str] | None = None) -> None:
    from graph.loading import load
    from graph.workspace import Workspace
    from ingest.load import ingest

    workspace = Workspace(root)
    for file in files:
        with workspace.writing():
            ingest(workspace, Path(file))
            if neo4j:
                from neo4j import GraphDatabase

                uri, user, password = neo4j
                with GraphDatabase.driver(uri, auth=(user, password)) as driver:
                    load(driver, workspace.log)


def _compact(root: Path) -> None:
    from graph.compaction import compact
    from graph.workspace import Workspace

    with Workspace(root).writing():
        compact(Workspace(root).log)


def _forget(root: Path, accounts: list[str], before: int | None = None) -> None:
    from graph.forget_runs import forget_in_runs, forget_rejects
    from graph.forgetting import begin, finish, forget_in_log, left, wish_for
    from graph.workspace import Workspace

    workspace = Workspace(root)
    with workspace.writing():
        wish = left(workspace) or begin(workspace, wish_for(accounts, before))
        forget_in_log(workspace, wish)
        forget_in_runs(workspace, wish)
        forget_rejects(workspace, wish)
        finish(workspace)


WORK: dict[str, Callable[..., None]] = {"ingest": _ingest, "compact": _compact, "forget": _forget}


def _child(asked: dict[str, Any], report: int) -> None:
    done = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event in OPERATIONS and str(arguments[0]).startswith(asked["root"]):
            done += 1
            if done == asked["at"]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    WORK[asked["work"]](Path(asked["root"]), **asked["more"])
    os.write(report, str(done).encode())
    os._exit(0)


def _serve() -> None:
    for module in ("duckdb", "neo4j", "graph.compaction", "graph.forget_runs", "graph.loading", "ingest.load"):
        import_module(module)  # here, so that no child has to
    for line in sys.stdin:
        asked = json.loads(line)
        hear, report = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                _child(asked, report)
            finally:
                os._exit(1)
        os.close(report)
        ended = select.select([hear], [], [], asked["after"])[0]
        if not ended:
            os.kill(pid, signal.SIGKILL)
        said = os.read(hear, 100)
        _, status = os.waitpid(pid, 0)
        os.close(hear)
        answer = {"status": os.waitstatus_to_exitcode(status), "operations": int(said or 0)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    _serve()
