"""The `shoal` command: mounts each package's commands, lazily, and holds those that cross packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graph.cli import Moment, detect_config, detect_options
from graph.console import dir_option, progress
from ingest.cli import reading, reading_options

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from graph.detect import DetectConfig
    from graph.forgetting import Wish
    from graph.runs import Run
    from graph.workspace import Workspace
    from ingest.recognise import Reading

# command -> the package whose cli.py has it; a package is imported only when its command is used
MOUNTED = {
    "audit": "api",
    "backup": "api",
    "check-media": "ingest",
    "cluster": "graph",
    "coact": "ingest",
    "compact": "graph",
    "detect": "graph",
    "explain": "graph",
    "formats": "ingest",
    "halt": "api",
    "ingest": "ingest",
    "key": "api",
    "load": "graph",
    "lock-neo4j": "graph",
    "migrate": "api",
    "policy": "api",
    "provision": "graph",
    "publish": "api",
    "read-private": "api",
    "restore": "api",
    "runs": "graph",
    "score": "gnn",
    "serve": "api",
    "simulate": "ingest",
    "text": "gnn",
    "train": "gnn",
    "verify": "graph",
    "watch": "ingest",
    "webhook": "api",
    "windows": "ingest",
    "worker": "api",
}
BROWSE = """Where to look in Neo4j Browser: `shoal up --dir {folder}` prints its address and user. Then, for instance:
  MATCH (v:View) MATCH p = (:Run {{view: v.number}})<-[:FOUND_IN]-(:Cluster)<-[:MEMBER_OF]-(:Account) RETURN p LIMIT 200
  MATCH (v:View) MATCH p = (:Account)-[:COORDINATED_WITH {{view: v.number}}]-(:Account) RETURN p LIMIT 200"""


class Mounted(click.Group):
    """A group whose commands come from the packages' cli.py, by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted({*super().list_commands(ctx), *MOUNTED})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command, importing its package's cli.py."""
        if name not in MOUNTED:
            return super().get_command(ctx, name)
        module = import_module(f"{MOUNTED[name]}.cli")
        found: click.Command = module.COMMANDS[name]
        return found


@click.group(cls=Mounted, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shoal")
def cli() -> None:
    """Find coordinated networks of AI-hosted accounts; act on whole networks, reversibly."""


@cli.command()
@click.argument("events", nargs=-1, required=True, type=click.Path(path_type=Path))
@reading_options
@detect_options
@dir_option
def run(
    events: tuple[Path, ...],
    format_name: str,
    mapping: Path | None,
    folder: Path | None,
    since: int | None,
    until: int | None,
    **detection: Any,
) -> None:
    """Ingest EVENTS (files or folders), detect, train, score and publish; print and write a report.

    Interrupted or killed, the same command goes on where it stopped. Run twice, it changes nothing.
    """
    from graph.settings import settings
    from graph.workspace import Workspace

    how = reading(format_name, mapping)
    workspace = Workspace(folder or settings().dir)
    with workspace.writing():
        _check_policy(workspace)
        _ingest(workspace, events, how)
        done = _detect_and_score(workspace, since, until, detect_config(**detection))
        _publish(workspace, done)
    _report(workspace, done)


@cli.command()
@click.option("--accounts", default=4000, show_default=True, help="Size of the simulated platform.")
@click.option("--seed", default=1, show_default=True, help="Same seed, same platform.")
@click.option("--keep", is_flag=True, help="Leave Neo4j and the API running, to look around.")
@click.option("--dir", "folder", type=click.Path(file_okay=False, path_type=Path), default=Path("shoal-demo"))
def demo(accounts: int, seed: int, folder: Path, *, keep: bool) -> None:
    """The main job on a simulated platform: find its networks, ban one through HTTP, and take it back."""
    from graph.background import stop
    from graph.embedded import stop as stop_neo4j
    from graph.truth import compare
    from graph.workspace import Workspace
    from ingest.simulate import STEPS, simulate

    source = folder / f"platform-{accounts}-{seed}"
    workspace = Workspace(folder / f"data-{accounts}-{seed}")
    with progress("simulating a platform", STEPS) as advance:
        simulate(source, accounts, seed, advance=advance)
    try:
        with workspace.writing():
            _ingest(workspace, (source,), "native")
            done = _detect_and_score(workspace, None, None, _default_config(), keep=True)
            _publish(workspace, done)
        _report(workspace, done)
        click.echo(str(compare(done, source / "truth")))
        _start_api(workspace)
        _act(workspace, source / "truth")
        click.echo(f"\n{BROWSE.format(folder=workspace.root)}")
        if keep:
            _status(workspace)
    finally:
        if not keep:
            for name in ("worker", "serve"):
                stop(workspace, name)
            stop_neo4j(workspace)


@cli.command()
@click.option("--api/--no-api", default=True, show_default=True, help="Start the API and its worker as well.")
@dir_option
def up(folder: Path | None, *, api: bool) -> None:
    """Start Neo4j, and the API with its worker, in the background.

    A large event log is loaded by the way if Neo4j never ran in this folder.
    """
    from graph.settings import settings
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    if settings().neo4j_uri is None:
        _start_neo4j(workspace)
    if api:
        _start_api(workspace)
    _status(workspace)


@cli.command()
@dir_option
def down(folder: Path | None) -> None:
    """Stop what `shoal up` started."""
    from graph.background import stop as stop_program
    from graph.embedded import stop
    from graph.settings import settings
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    stopped = [name for name in ("worker", "serve") if stop_program(workspace, name)]
    stopped += ["Neo4j"] if stop(workspace) else []
    click.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@cli.command()
@dir_option
def status(folder: Path | None) -> None:
    """Say what is running and where: Browser, Bolt and API addresses."""
    from graph.settings import settings
    from graph.workspace import Workspace

    _status(Workspace(folder or settings().dir))


@cli.command()
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Erase this account; may be given many times.")
@click.option("--before", type=Moment(), help="Erase events from before this date or time.")
@click.option("--yes", is_flag=True, help="Do it. Without, only say what would go and what must stay.")
@dir_option
def forget(accounts: tuple[str, ...], before: int | None, folder: Path | None, *, yes: bool) -> None:
    """Erase accounts or old events: from event log, runs and Neo4j, and accounts' names from decisions.

    A call that was killed is finished by the next one, whatever it is given.
    """
    from graph.forgetting import begin, left, wish_for
    from graph.settings import settings
    from graph.workspace import Workspace

    workspace = Workspace(folder or settings().dir)
    with workspace.writing():
        unfinished = left(workspace)
        if unfinished is not None:
            click.echo("finishing what an earlier call began", err=True)
            _forget(workspace, unfinished)
        if not accounts and before is None:
            if unfinished is None:
                raise click.UsageError("say what: --account ID or --before DATE")
            return
        wish = _say_what_goes(workspace, wish_for(accounts, before))
        if not yes:
            click.echo("Nothing is removed yet: --yes does it. It cannot be taken back.")
            return
        _forget(workspace, begin(workspace, wish))


def _say_what_goes(workspace: Workspace, wish: Wish) -> Wish:
    """Tell what would be removed, what stays and why; returns the wish with the models that saw the accounts."""
    from dataclasses import replace

    from api.forgetting import held
    from api.store import reading
    from graph.forget_runs import affected
    from graph.forgetting import count

    rows = ", ".join(f"{n:,} rows of {table}" for table, n in count(workspace.log, wish).items())
    click.echo(f"event log: {rows or 'no rows'}")
    if texts := workspace.private_texts.count(wish.accounts, wish.before):
        click.echo(f"private texts: {texts:,}")
    gone, changed, models = affected(workspace.runs, wish)
    for title, found in (("that go whole", gone), ("that lose rows", changed), ("whose model saw it", models)):
        click.echo(f"runs {title}: {', '.join(run.run_id for run in found) or 'none'}")
    if any(run.run_id == workspace.runs.current_id() for run in gone):
        click.echo("the current run is among those that go whole; `shoal detect` or `shoal run` makes a new one")
    if models:
        click.echo("a model does not forget by itself: train a new one (`shoal run`, `shoal train`)")
    with _decisions(workspace) as engine:
        if engine is not None and wish.accounts:
            from api.clock import now

            with reading(engine) as tx:
                for name in wish.accounts:
                    why = "; ".join(held(tx, name, now()))
                    click.echo(
                        f"decisions keep the name of {name} for now: {why}; forget it again when that has ended"
                        if why
                        else f"decisions about {name} stay, under a pseudonym"
                    )
    return replace(wish, models=tuple(run.run_id for run in models))


def _forget(workspace: Workspace, wish: Wish) -> None:
    """Forget in one store after the other; killed anywhere, the next call does it again from the start."""
    from api.forgetting import forget_decisions, record_retention
    from api.place import actor
    from graph.forget_runs import forget_in_runs, forget_rejects
    from graph.forget_view import forget_in_view
    from graph.forgetting import finish, forget_in_log
    from graph.settings import settings
    from graph.store import connect

    with progress("forgetting in the event log"):
        forget_in_log(workspace, wish)
        workspace.private_texts.forget(wish.accounts, wish.before)
    with progress("forgetting in runs"):
        forget_in_runs(workspace, wish)
        forget_rejects(workspace, wish)
    with _decisions(workspace) as engine:
        staying: dict[str, list[str]] = {}
        if engine is not None and wish.accounts:
            feed = workspace.root / "feed.jsonl"
            staying = forget_decisions(engine, wish.names, wish.key, feed=feed, actor=actor(), models=wish.models)
        if engine is not None and wish.before is not None:
            record_retention(engine, wish.before, actor())
    if settings().neo4j_uri is not None or (workspace.neo4j / "data").is_dir():
        with connect(workspace, settings()) as store:
            forget_in_view(store, workspace, wish)
    finish(workspace)
    for name, why in staying.items():
        click.echo(f"forgotten, but decisions keep the name of {name}: {'; '.join(why)}")
    click.echo("forgotten")


@contextmanager
def _decisions(workspace: Workspace) -> Iterator[Engine | None]:
    """The decision store, if there is one."""
    from api.store import configured
    from graph.settings import settings

    if settings().database_url is None and not workspace.decisions.exists():
        yield None
        return
    with configured(workspace.root) as engine:
        yield engine


def _default_config() -> DetectConfig:
    from graph.detect import DetectConfig

    return DetectConfig()


def _start_neo4j(workspace: Workspace) -> None:
    """Start embedded Neo4j; in a folder where it never ran with a large log in it, which is fast only then."""
    from graph.bulk import is_worth_it
    from graph.embedded import has_database, start
    from graph.errors import ConflictError
    from graph.settings import settings
    from graph.store import loaded

    with ExitStack() as stack:
        fill = not has_database(workspace) and is_worth_it(workspace.log)
        if fill:
            try:
                stack.enter_context(workspace.writing())
            except ConflictError:  # whoever writes here now loads as well
                fill = False
        if not fill:
            start(workspace, settings())
            return
        _, report = stack.enter_context(loaded(workspace, settings(), keep=True))
        click.echo(str(report))


def _start_api(workspace: Workspace) -> None:
    from graph.background import spawn

    for name in ("serve", "worker"):
        with progress(f"starting the API's {name} program"):
            spawn(workspace, name, [sys.executable, "-m", "shoal", name, "--dir", str(workspace.root)])


def _ingest(workspace: Workspace, events: tuple[Path, ...], how: Reading) -> None:
    from ingest.load import ingest_all, told_of_media
    from ingest.readers import source_files

    files = [file for given in events for file in source_files(given)]
    reports = ingest_all(workspace, files, how, click.echo)
    if told := told_of_media(reports):
        click.echo(told)


def _detect_and_score(
    workspace: Workspace, since: int | None, until: int | None, config: DetectConfig, *, keep: bool = False
) -> Run:
    """Make the run these inputs determine, or take the one they made before; show it in Neo4j.

    With `keep`, an embedded Neo4j that this starts stays up.
    """
    from gnn.score import score_into
    from graph.detect import data_window, detect, run_key
    from graph.measures import measure
    from graph.settings import settings
    from graph.store import loaded
    from graph.versions import versions

    log, runs = workspace.log, workspace.runs
    key = {**run_key(log, data_window(log, since, until), config), "scored": True}
    with loaded(workspace, settings(), keep=keep) as (store, report):
        click.echo(str(report))
        done = runs.find(key)
        if done is None:
            parent = runs.current_or_none()
            building = runs.begin(key)
            with progress("detecting", total=7 if config.permutations else 6) as advance:
                detect(building, log, config, parent, advance)
            if not building.is_done("measures"):
                building.write("measures", measure(store, building.table("edges"), config.seed))
                building.done("measures")
            if not building.is_done("scores"):
                with progress("training and scoring") as advance:
                    click.echo(str(score_into(building, log, config.seed, advance=advance)))
            done = building.finish(parent.run_id if parent else None, versions())
        runs.make_current(done)
        store.show_run(done)
    return done


def _check_policy(workspace: Workspace) -> None:
    """Refuse at the beginning what publishing would refuse at the end: a policy with faults, or not the one in use."""
    from api.candidates import for_publication
    from api.store import configured
    from graph.settings import settings

    with configured(workspace.root) as engine:
        for_publication(engine, settings().policy)


def _publish(workspace: Workspace, done: Run) -> None:
    from api.candidates import for_publication
    from api.publish import publish
    from api.store import configured
    from graph.settings import settings

    with configured(workspace.root) as engine, progress("publishing"):
        policy = for_publication(engine, settings().policy)
        report = publish(done, workspace.log, engine, policy=policy, actor="cli:run")
    tiers = ", ".join(f"{count:,} {tier}" for tier, count in sorted(report.tiers.items()))
    click.echo(f"Published under policy {report.policy_version}: {tiers or 'no verdicts'}.")


def _report(workspace: Workspace, done: Run) -> None:
    from graph.files import write_bytes
    from graph.report import render, render_text

    looked = done.manifest["steps"]["detect"]
    if 2 * looked["actions"] < looked["actions_in_log"]:
        click.echo(
            f"\nThe data window holds {looked['actions']:,} of the log's {looked['actions_in_log']:,} actions; "
            "--since and --until choose another."
        )
    page = workspace.reports / f"{done.run_id}.html"
    write_bytes(page, render(done).encode())
    click.echo(f"\n{render_text(done)}\nThe report with pictures: {page}")
    click.echo(f"To look around in Neo4j Browser: shoal up --dir {workspace.root}")


def _act(workspace: Workspace, truth: Path) -> None:
    """Ban one network as several people would, through HTTP, and take it back."""
    from api.demo import act, people
    from api.store import configured
    from graph.background import find

    program = find(workspace, "serve")
    assert program is not None
    assert program.address is not None
    with configured(workspace.root) as engine, people(engine, program.address, truth) as who:
        act(who, click.echo)


def _status(workspace: Workspace) -> None:
    from graph.background import find as find_program
    from graph.embedded import find
    from graph.settings import settings

    server = find(workspace)
    if settings().neo4j_uri is not None:
        click.echo(f"Neo4j    {settings().neo4j_uri} (yours, by NEO4J_URI)")
    elif server is None:
        click.echo("Neo4j    not running")
    else:
        click.echo(f"Browser  {server.browser}")
        click.echo(f"Bolt     {server.uri}, user {server.username}, password in {workspace.root / 'secrets' / 'neo4j'}")
    api = find_program(workspace, "serve")
    click.echo(f"API      {api.address or 'starting'}" if api else "API      not running")
    click.echo(f"Worker   {'running' if find_program(workspace, 'worker') else 'not running'}")


def main() -> None:
    """Run the command line; a ShoalError becomes a sentence and its exit code."""
    from graph.errors import ShoalError

    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. What was finished is kept; the same command goes on from there.", err=True)
        sys.exit(130)
    except ShoalError as error:
        click.echo("\n  ".join([f"Error: {error}", *getattr(error, "__notes__", ())]), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
