"""What a person sees while the work goes on. Everything here goes to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

Advance = Callable[[float], None]


def dir_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option every command has: the data folder (given to the command as `folder: Path | None`)."""
    option = click.option(
        "--dir",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=None,
        help="Data folder (default: SHOAL_DIR, or ./shoal-data).",
    )
    return option(command)


def console() -> Console:
    """The console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def progress(title: str, total: float | None = None) -> Iterator[Advance]:
    """Show a bar (or, without a total, a spinner) with the time left; yields a function to advance it by n.

    Without a terminal one line says what began and one how long it took.
    """
    from time import monotonic

    began = monotonic()
    if not sys.stderr.isatty():  # rich, which takes a tenth of a second to load, has nothing to do there
        click.echo(f"{title} ...", err=True)
        yield lambda _n: None
        click.echo(f"{title}: {monotonic() - began:.1f} s", err=True)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    out = console()
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    if total is not None:
        columns += [BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)
    out.print(f"{title}: {monotonic() - began:.1f} s")
