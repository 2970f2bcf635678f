"""Commands: cluster, detect, explain, load, runs, provision, lock-neo4j; those of graph.keep_cli beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graph import keep_cli
from graph.console import dir_option, progress

if TYPE_CHECKING:
    from graph.cluster import Weighing
    from graph.detect import DetectConfig


class Moment(click.ParamType[int]):
    """A date or an ISO 8601 time (UTC unless it says otherwise), as microseconds UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse it; a wrong one is a usage error."""
        if isinstance(value, int):
            return value
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is no date or time; expected for instance 2026-09-01 or 2026-09-01T12:00:00Z", param, ctx
            )
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return round(at.timestamp() * 1_000_000)


class Span(click.ParamType[int]):
    """A length of time such as 60s, 5m, 4h, 2d, as microseconds."""

    name = "span"
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}  # noqa: RUF012 - a constant

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse it; a wrong one is a usage error."""
        if isinstance(value, int):
            return value
        number, unit = value[:-1], value[-1:]
        if unit not in self.units or not number.isdecimal():
            self.fail(f"{value!r} is no length of time; expected for instance 60s, 5m, 4h", param, ctx)
        return int(number) * self.units[unit] * 1_000_000


def detect_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that decide what a run finds; `detect_config` reads them."""
    for option in reversed(
        [
            click.option("--since", type=Moment(), help="Start of the data window (default: 28 days before --until)."),
            click.option("--until", type=Moment(), help="End of it, exclusive (default: just after the newest event)."),
            click.option("--window", type=Span(), default="5m", show_default=True, help="Widest gap of a co-action."),
            click.option(
                "--horizon", type=Span(), default=None, help="Chance is measured within it (default: 60 windows)."
            ),
            click.option("--fdr", default=0.01, show_default=True, help="Rate of false discoveries among edges."),
            click.option(
                "--permutations",
                type=click.IntRange(min=0),
                default=0,
                show_default=True,
                metavar="N",
                help="Compare what is found with N logs whose accounts were swapped within object community and hour "
                "(at least 19; each costs about one more detection).",
            ),
            click.option("--seed", default=1, show_default=True, help="Of community detection and models."),
        ]
    ):
        command = option(command)
    return command


def detect_config(window: int, horizon: int | None, fdr: float, permutations: int, seed: int) -> DetectConfig:
    """The detection config these options mean."""
    from graph.coaction import CoactionConfig
    from graph.detect import DetectConfig

    return DetectConfig(
        coaction=CoactionConfig(window, horizon or 60 * window), fdr=fdr, permutations=permutations, seed=seed
    )


@click.command()
@detect_options
@dir_option
def detect(
    folder: Path | None,
    since: int | None,
    until: int | None,
    window: int,
    horizon: int | None,
    fdr: float,
    permutations: int,
    seed: int,
) -> None:
    """Find coordinated networks in the event log; makes a run, without Neo4j and without scores."""
    from graph.detect import data_window, run_key
    from graph.detect import detect as fill
    from graph.report import render_text
    from graph.settings import settings
    from graph.versions import versions
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    config = detect_config(window, horizon, fdr, permutations, seed)
    with workspace.writing():
        key = run_key(workspace.log, data_window(workspace.log, since, until), config)
        run = workspace.runs.find(key)
        if run is None:
            parent = workspace.runs.current_or_none()
            building = workspace.runs.begin(key)
            with progress("detecting", total=7 if permutations else 6) as advance:
                fill(building, workspace.log, config, parent, advance)
            run = building.finish(parent.run_id if parent else None, versions())
        workspace.runs.make_current(run)
    click.echo(render_text(run))


@click.command()
@click.argument("edges", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help=".parquet or .csv")
@click.option(
    "--weight",
    "weighing",
    type=click.Choice(["one", "weight", "objects", "excess"]),
    help="What an edge weighs (default: one, of a table of shoal coact; else its column weight).",
)
@click.option("--resolution", "resolutions", type=float, multiple=True, help="Of CPM; may be given several times.")
@click.option("--seeds", type=int, help="Random starts for each resolution.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same bytes.")
@click.option(
    "--alpha",
    type=float,
    help="Level at which a cluster must hold more than chance explains; 1: any (default: 0.05, and 1 if every edge "
    "has been tested by shoal coact).",
)
@click.option("--min-size", "least_size", type=int, help="Smaller clusters are left out.")
@click.option("--min-stability", "least_stability", type=float, help="Clusters that recur less are left out.")
def cluster(edges: Path, out: Path, weighing: Weighing | None, seed: int, alpha: float | None, **asked: Any) -> None:
    """Write the clusters of EDGES (what shoal coact writes, or account_a, account_b, weight) to a file."""
    from graph.cluster import cluster_file

    with progress("clustering"):
        chosen = {k: v for k, v in asked.items() if v not in (None, ())}
        told = cluster_file(edges, out, weighing, chosen, seed, alpha)
    for line in told:
        click.echo(line)


@click.command()
@click.option("--wipe", is_flag=True, help="Drop what Neo4j holds first, and build it again from log and run.")
@click.option(
    "--bulk/--no-bulk",
    default=None,
    help="Whether to fill an empty embedded Neo4j by bulk import (default: where the log is large enough to pay).",
)
@dir_option
def load(folder: Path | None, *, wipe: bool, bulk: bool | None) -> None:
    """Load the event log and the current run into Neo4j."""
    from graph.settings import settings
    from graph.store import loaded
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    with workspace.writing(), loaded(workspace, settings(), wipe=wipe, bulk=bulk) as (store, report):
        click.echo(str(report))
        run = workspace.runs.current_or_none()
        if run is not None:
            store.show_run(run)
            click.echo(f"showing run {run.run_id}")


@click.command()
@click.option("--verify", is_flag=True, help="Check every file of every run against its hash.")
@dir_option
def runs(folder: Path | None, *, verify: bool) -> None:
    """List the runs; the current one is marked."""
    from graph.settings import settings
    from graph.workspace import Workspace

    store = Workspace(folder or settings().dir).runs
    for run in store.all():
        if verify:
            run.verify()
        info = run.manifest["steps"].get("detect", {})
        mark = "*" if run.run_id == store.current_id() else " "
        click.echo(f"{mark} {run.run_id}  {info.get('networks', 0)} networks, {info.get('edges', 0):,} edges")


@click.command()
@click.argument("ids", nargs=-1, required=True, metavar="ACCOUNT ACCOUNT | CLUSTER | NETWORK")
@click.option("--run", "run_id", default="CURRENT", show_default=True, help="The run that is explained.")
@click.option("--most", type=click.IntRange(min=1), default=20, show_default=True, help="Rows of each table.")
@click.option("--json", "for_program", is_flag=True, help="Print JSON; times are microseconds UTC.")
@click.option("--private", is_flag=True, help="Name private objects as well; needs SHOAL_SHOW_PRIVATE=1.")
@dir_option
def explain(
    ids: tuple[str, ...], folder: Path | None, run_id: str, most: int, *, for_program: bool, private: bool
) -> None:
    """Show why two accounts are an edge or not, or what makes up a cluster or network."""
    from graph.errors import DeniedError
    from graph.explain import explain_pair
    from graph.explain_group import explain_group
    from graph.explain_text import as_json, group_text, pair_text
    from graph.settings import settings
    from graph.workspace import Workspace

    if len(ids) > 2:
        raise click.UsageError(f"{len(ids)} ids; expected two accounts, or one cluster or network")
    if private and not settings().show_private:
        raise DeniedError("private objects are not shown here; SHOAL_SHOW_PRIVATE=1 in the environment allows it")
    workspace = Workspace(folder or settings().dir)
    run = workspace.runs.get(run_id)
    with progress("reading the event log"):
        if len(ids) == 2:
            pair = explain_pair(run, workspace.log, ids, most=most, private=private)
            told = as_json(pair) if for_program else pair_text(pair)
        else:
            group = explain_group(run, workspace.log, ids[0], most=most, private=private)
            told = as_json(group) if for_program else group_text(group)
    click.echo(told)


@click.command()
@click.option("--verify", is_flag=True, help="Check the files that are there as well.")
def provision(*, verify: bool) -> None:
    """Fetch Neo4j, GDS and Browser by the committed lock, if they are not there yet."""
    from graph.provision import provision as fetch
    from graph.settings import settings

    click.echo(f"Neo4j is in {fetch(settings(), verify=verify)}")


@click.command(name="lock-neo4j")
def lock_neo4j() -> None:
    """Resolve Neo4j, GDS and Browser anew and write the lock (for developers)."""
    from graph.relock import relock
    from graph.settings import settings

    with progress("resolving"):
        jars = relock(settings())
    click.echo(f"{len(jars)} artifacts locked")


COMMANDS: dict[str, click.Command] = {
    **keep_cli.COMMANDS,
    "cluster": cluster,
    "detect": detect,
    "explain": explain,
    "load": load,
    "runs": runs,
    "provision": provision,
    "lock-neo4j": lock_neo4j,
}
