"""`shoal train` and `shoal score`: models on finished runs, each into a derived run; `shoal text` (gnn.text.cli)."""

from __future__ import annotations

from pathlib import Path

import click

from gnn.text.cli import text
from graph.console import dir_option, progress


@click.command()
@click.argument("run_id", metavar="[RUN]", default="CURRENT")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of split and models.")
@click.option("--current", is_flag=True, help="Make the derived run the current one.")
@dir_option
def train(run_id: str, seed: int, current: bool, folder: Path | None) -> None:
    """Train GraphSAGE and the forest on RUN (default: the current one) and score its accounts.

    Writes a derived run: RUN's tables, and new scores, suggestions and checkpoint.
    """
    from gnn.score import TOTAL, score_into, versions
    from graph.settings import settings
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    with workspace.writing():
        run, log = workspace.runs.get(run_id), workspace.log
        building = workspace.runs.derive(run, {"train": {"seed": seed, "log": log.digest(), **versions()}})
        with progress("Training", TOTAL) as advance:
            report = score_into(building, log, seed, advance=advance)
        derived = building.finish(run.run_id, {**run.manifest["versions"], **versions()})
        if current:
            workspace.runs.make_current(derived)
    click.echo(str(report))
    click.echo(f"Run {derived.run_id}, derived from {run.run_id}{' (now current)' if current else ''}.")


@click.command()
@click.argument("checkpoint_run")
@click.argument("run_id", metavar="[RUN]", default="CURRENT")
@click.option("--current", is_flag=True, help="Make the derived run the current one.")
@dir_option
def score(checkpoint_run: str, run_id: str, current: bool, folder: Path | None) -> None:
    """Score RUN (default: the current one) with the checkpoint of CHECKPOINT_RUN, without training.

    Writes a derived run: RUN's tables, and the scores and suggestions of the stored model.
    """
    from gnn.apply import apply_checkpoint
    from gnn.checkpoint import load_checkpoint
    from gnn.score import TOTAL, versions
    from graph.settings import settings
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    with workspace.writing():
        run, source = workspace.runs.get(run_id), workspace.runs.get(checkpoint_run)
        checkpoint = load_checkpoint(source)
        key = {"score": {"checkpoint": source.manifest["files"]["model.pt"]["sha256"], **versions()}}
        building = workspace.runs.derive(run, key)
        with progress("Scoring", TOTAL) as advance:
            report = apply_checkpoint(building, workspace.log, checkpoint, advance=advance)
        derived = building.finish(run.run_id, {**run.manifest["versions"], **versions()})
        if current:
            workspace.runs.make_current(derived)
    click.echo(str(report))
    click.echo(f"Run {derived.run_id}, derived from {run.run_id}{' (now current)' if current else ''}.")


COMMANDS = {"train": train, "score": score, "text": text}
