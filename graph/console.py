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
TELL_S = 30.0  # between lines that say how far something is
MANY = 1000  # things from which on a rate says something


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
    """Show a bar (or, without a total, a spinner) with rate and time left; yields a function to advance it by n.

    Without a terminal one line says what began, one every `TELL_S` how far it is, and one how long it took.
    """
    from time import monotonic

    began = monotonic()
    if not sys.stderr.isatty():  # rich, which takes a tenth of a second to load, has nothing to do there
        click.echo(f"{title} ...", err=True)
        yield _teller(title, total, monotonic)
        click.echo(f"{title}: {monotonic() - began:.1f} s{_rate(total, monotonic() - began)}", err=True)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    out = console()
    columns = [SpinnerColumn(), TextColumn("{task.description}")]
    if total is not None:
        columns += [BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    if total is not None and total >= MANY:
        columns += [TextColumn("{task.fields[rate]}")]
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task(title, total=total, rate="")

        def advance(n: float) -> None:
            bar.advance(task, n)
            bar.update(task, rate=f"{bar.tasks[0].speed or 0:,.0f}/s")

        yield advance
    out.print(f"{title}: {monotonic() - began:.1f} s{_rate(total, monotonic() - began)}")


def _teller(title: str, total: float | None, clock: Callable[[], float]) -> Advance:
    """Advance that says now and then, in lines, how far it is."""
    began = told = clock()
    done = 0.0

    def advance(n: float) -> None:
        nonlocal done, told
        done, now = done + n, clock()
        if total and done and now - told >= TELL_S:
            told = now
            left = (now - began) * (total - done) / done
            click.echo(f"{title}: {done:,.0f} of {total:,.0f}{_rate(done, now - began)}, {left:,.0f} s left", err=True)

    return advance


def _rate(done: float | None, seconds: float) -> str:
    """How many a second, where they are many."""
    return f", {done / max(seconds, 0.001):,.0f} a second" if done is not None and done >= MANY else ""
