from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from gnn_platform import Platform, make

from gnn.cli import COMMANDS
from graph.runs import Run
from graph.workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> tuple[Workspace, Run]:
    _, building = make(tmp_path, Platform())
    run = building.finish(None, {"shoal": "test"})
    workspace = Workspace(tmp_path)
    workspace.runs.make_current(run)
    return workspace, run


def test_train_then_score(workspace: tuple[Workspace, Run]) -> None:
    space, run = workspace
    runner = CliRunner()
    trained = runner.invoke(COMMANDS["train"], ["--dir", str(space.root), "--seed", "2"], catch_exceptions=False)
    assert trained.exit_code == 0
    assert "GraphSAGE" in trained.stdout
    assert "forest" in trained.stdout
    assert space.runs.current_id() == run.run_id, "not current unless asked"
    derived = space.runs.all()[-1]
    derived.verify()
    assert derived.manifest["parent"] == run.run_id
    assert derived.manifest["steps"]["scores"]["seed"] == 2
    assert "torch" in derived.manifest["versions"]
    for name in ("behaviour", "edges", "clusters"):
        assert derived.table(name).equals(run.table(name))
    assert not run.has("scores"), "the run trained on stays as it was"
    run.verify()

    scored = runner.invoke(
        COMMANDS["score"], [derived.run_id, run.run_id, "--current", "--dir", str(space.root)], catch_exceptions=False
    )
    assert scored.exit_code == 0
    again = space.runs.current()
    assert again.run_id == space.runs.all()[-1].run_id != derived.run_id
    assert again.table("scores").equals(derived.table("scores"))
    assert json.loads((again.path / "model.json").read_text())["trained_on"]


def test_help_needs_no_torch() -> None:
    script = "import sys, gnn.cli; sys.exit(bool({'torch', 'sklearn', 'numpy', 'pyarrow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2]).returncode == 0
    for command in COMMANDS.values():
        assert CliRunner().invoke(command, ["--help"]).exit_code == 0
