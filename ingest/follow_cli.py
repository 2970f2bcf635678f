"""What goes on until it is told to end: `shoal ingest -` and the command watch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from graph.console import dir_option

if TYPE_CHECKING:
    from ingest.recognise import Reading


def stream(folder: Path | None, reading: Reading) -> None:
    """Append standard input to the event log (ingest.stream)."""
    from graph.settings import settings
    from graph.stopping import until_stopped
    from graph.workspace import Workspace
    from ingest.stream import Stream

    with until_stopped() as stop:
        Stream(Workspace(folder or settings().dir), reading, click.echo, stop).run(sys.stdin.fileno())


def watch_command(formats: Sequence[str]) -> click.Command:
    """The command watch, for files of these formats."""

    @click.command()
    @click.argument("source", metavar="FOLDER", type=click.Path(file_okay=False, path_type=Path))
    @click.option("--format", "format_name", type=click.Choice(formats), default="native", show_default=True)
    @click.option("--every", type=click.FloatRange(0.05), default=2.0, show_default=True, help="Seconds between looks.")
    @click.option("--once", is_flag=True, help="Take what is whole now (two looks), then end.")
    @dir_option
    def watch(source: Path, format_name: str, every: float, folder: Path | None, *, once: bool) -> None:
        """Append every file that appears in FOLDER, once it is whole. Ctrl-C ends it; the next call goes on there."""
        from graph.settings import settings
        from graph.stopping import until_stopped
        from graph.workspace import Workspace
        from ingest.watch import Watch

        workspace = Workspace(folder or settings().dir)
        watched = Watch(workspace, source, format_name, click.echo, partial(click.echo, err=True))
        with until_stopped() as stop:
            if not once:
                click.echo(f"Watching {source}. Ctrl-C ends it.")
            watched.run(stop, every, once=once)

    return watch
