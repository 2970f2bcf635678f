"""Commands: ingest, simulate."""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules

import click

from graph.console import dir_option, progress
from ingest import formats

# a format is a file there
FORMATS = tuple(sorted(m.name.replace("_", "-") for m in iter_modules(formats.__path__)))


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "format_name", type=click.Choice(FORMATS), default="native", show_default=True)
@dir_option
def ingest(paths: tuple[Path, ...], format_name: str, folder: Path | None) -> None:
    """Append files (or folders of files) to the event log. The same file twice changes nothing."""
    from graph.settings import settings
    from graph.workspace import Workspace
    from ingest.load import ingest as append
    from ingest.load import source_files

    workspace = Workspace(folder or settings().dir)
    with workspace.writing():
        for path in [f for p in paths for f in source_files(p)]:
            with progress(f"reading {path.name}"):
                done = append(workspace, path, format_name)
            click.echo(str(done))


@click.command()
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option("--accounts", default=3000, show_default=True, help="How many accounts.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same bytes.")
@click.option("--days", default=28, show_default=True, help="Length of the simulated time.")
def simulate(target: Path, accounts: int, seed: int, days: int) -> None:
    """Write a labelled, synthetic platform to TARGET, in the native format; the truth goes to TARGET/truth."""
    from ingest.simulate import STEPS
    from ingest.simulate import simulate as write

    with progress("simulating a platform", STEPS) as advance:
        report = write(target, accounts, seed, days=days, advance=advance)
    click.echo(
        f"{target}: {report.interactions:,} interactions of {report.accounts:,} accounts, {report.networks} planted "
        f"networks, {report.labels:,} labels (synthetic); the truth is in {target / 'truth'}"
    )


COMMANDS = {"ingest": ingest, "simulate": simulate}
