"""Commands that keep the data folder in order: compact, verify."""

from __future__ import annotations

from pathlib import Path

import click

from graph.console import dir_option, progress


@click.command()
@dir_option
def verify(folder: Path | None) -> None:
    """Check every file of event log and runs against its hash; says what is damaged."""
    from graph.errors import IntegrityError
    from graph.settings import settings
    from graph.verify import require_whole
    from graph.verify import verify as look
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    if not workspace.log.root.is_dir() and not workspace.runs.root.is_dir():
        raise IntegrityError(f"{workspace.root}: no event log and no runs here")
    with progress("checking hashes"):
        found = look(workspace.log, workspace.runs)
        found.damaged += workspace.private_texts.damaged()
    for line in found.damaged:
        click.echo(f"damaged: {line}")
    require_whole(found)
    click.echo(f"whole: {found}")


@click.command()
@dir_option
def compact(folder: Path | None) -> None:
    """Put the event log's batches together in fewer, larger files. No answer changes."""
    from graph.compaction import compact as put_together
    from graph.settings import settings
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    with workspace.writing(), progress("putting batches together"):
        done = put_together(workspace.log)
    click.echo(str(done))


COMMANDS = {"compact": compact, "verify": verify}
