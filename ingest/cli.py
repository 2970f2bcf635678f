"""Commands: check-media, coact, formats, ingest, simulate, watch, windows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import click

from graph.cli import Moment, Span
from graph.console import dir_option, progress
from ingest import follow_cli
from ingest import formats as formats_folder

if TYPE_CHECKING:
    from ingest.recognise import Reading

# a format is a file there
FORMATS = tuple(sorted(m.name.replace("_", "-") for m in iter_modules(formats_folder.__path__)))

NETWORKS = ("co_retweet", "co_tweet", "co_link", "co_reply", "co_post", "co_similar")
DETECTION = ("window", "horizon", "channels", "min_participation", "fdr", "every", "test")
READING = ("since", "until", "engine")
HOW = ("format_name", "mapping")
# what each preset takes, besides events, --out and --preset
PRESETS = {
    "default": (*DETECTION, *READING, *HOW),
    "coortweet": ("window", "min_participation", "fast_window", "edge_weight"),
    "coordination-network-toolkit": ("window", "network", "minimum", "similarity", "least_tokens"),
}


class Spans(click.ParamType[tuple[int, ...]]):
    """Lengths of time with commas between them, such as 30s,1m,5m, as microseconds."""

    name = "spans"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Parse them; a wrong one is a usage error."""
        if isinstance(value, tuple):
            return value
        return tuple(Span().convert(part.strip(), param, ctx) for part in value.split(","))


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how files are read (given to the command as `format_name` and `mapping`)."""
    for option in (
        click.option(
            "--mapping",
            type=click.Path(path_type=Path),
            help="A YAML file that tells which of their columns is which of ours, instead of a format.",
        ),
        click.option(
            "--format",
            "format_name",
            type=click.Choice((*FORMATS, "auto")),
            default="native",
            show_default=True,
            help="`shoal formats` lists them; auto: recognise each file by its columns.",
        ),
    ):
        command = option(command)
    return command


def reading(format_name: str, mapping: Path | None) -> Reading:
    """What the options of `reading_options` mean. Raises UsageError if both are given, InputError for a bad mapping."""
    if mapping is None:
        return format_name
    if click.get_current_context().get_parameter_source("format_name") == click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("--mapping describes a format of its own; leave --format out")
    from ingest.mapping import read_mapping

    return read_mapping(mapping)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@reading_options
@click.option("--dry-run", is_flag=True, help="Show the first rows as they would be stored; write nothing.")
@click.option("--media", type=click.Path(path_type=Path), help="Check the media that interactions name, below here.")
@dir_option
def ingest(
    paths: tuple[Path, ...],
    format_name: str,
    mapping: Path | None,
    folder: Path | None,
    media: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Append files (or folders of files; - is standard input, JSON Lines) to the event log.

    The same file twice changes nothing.
    """
    from graph.settings import settings
    from graph.workspace import Workspace
    from ingest.load import ingest_all, told_of_media
    from ingest.preview import preview
    from ingest.readers import source_files

    how = reading(format_name, mapping)
    if paths == (Path("-"),):
        if dry_run:
            raise click.UsageError("--dry-run looks at files; standard input can be read only once")
        if media is not None:
            raise click.UsageError("--media goes with files; a stream's media can be taken in by a later call")
        follow_cli.stream(folder, how)
        return
    workspace = Workspace(folder or settings().dir)
    files = [f for p in paths for f in source_files(p)]
    if dry_run:
        for path in files:
            for line in preview(workspace, path, how):
                click.echo(line)
        return
    with workspace.writing():
        reports = ingest_all(workspace, files, how, click.echo)
        if media is not None:
            from ingest.media_folder import take

            take(workspace, media, click.echo)
        elif told := told_of_media(reports):
            click.echo(told)


@click.command()
def formats() -> None:
    """List the formats of files that can be read, a line each, and how each is recognised."""
    from ingest.recognise import described

    for name in FORMATS:
        what, recognised = described(name)
        click.echo(f"{name}\n    {what}.\n    Recognised by {recognised}.")
    click.echo("any other\n    A mapping file tells which of its columns is which (--mapping FILE.yml).")


@click.command()
@click.argument("events", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help=".parquet, .csv, .graphml or .gexf")
@reading_options
@click.option("--window", type=Span(), help="Widest gap of a co-action (default: 5m; with a preset its own).")
@click.option("--horizon", type=Span(), help="Chance is measured within it (default: 60 windows).")
@click.option(
    "--channel",
    "channels",
    multiple=True,
    help="Only this channel; may be given several times. Asked for only so: device, registration_client.",
)
@click.option("--min-participation", type=int, help="Objects that both accounts must have co-acted on with anybody.")
@click.option("--fdr", default=0.01, show_default=True, help="Rate of false discoveries among edges.")
@click.option("--all", "every", is_flag=True, help="Every pair with a co-action, not only significant edges.")
@click.option("--test/--no-test", default=True, help="Without the test, --all only counts, which is quick.")
@click.option("--since", type=Moment(), help="Start of the data window (default: all of EVENTS).")
@click.option("--until", type=Moment(), help="End of it, exclusive.")
@click.option("--engine", type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True)
@click.option("--preset", type=click.Choice(list(PRESETS)), default="default", help="Do exactly as this peer does.")
@click.option("--fast-window", type=Span(), help="coortweet: also its fast network, within this window.")
@click.option("--edge-weight", type=float, help="coortweet: quantile of weights that is its threshold.")
@click.option("--network", type=click.Choice(NETWORKS), help="coordination-network-toolkit: which network.")
@click.option("--minimum", type=int, help="coordination-network-toolkit: least weight of an edge.")
@click.option("--similarity", type=float, help="its co_similar: least Jaccard similarity of two messages.")
@click.option("--least-tokens", type=int, help="its co_similar: tokens a message must have.")
@click.pass_context
def coact(ctx: click.Context, /, events: tuple[Path, ...], out: Path, preset: str, **asked: Any) -> None:
    """Write the coordination edges of EVENTS (files or folders) to one file; no data folder, no Neo4j."""
    for name in asked:
        if name not in PRESETS[preset] and ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
            option = next(p.opts[0] for p in ctx.command.params if p.name == name)
            raise click.UsageError(f"{option} means nothing to --preset {preset}")
    if preset != "default":
        if preset == "coordination-network-toolkit" and asked["network"] is None:
            raise click.UsageError(f"--preset {preset} needs --network: {', '.join(NETWORKS)}")
        from ingest.preset import peer_config, peer_network

        config = peer_config(preset, {name: asked[name] for name in PRESETS[preset]})
        peer_network(events, out, preset, config, say=click.echo)
        return
    from ingest.coact import coact_config, coact_files

    wanted = coact_config(**{name: asked[name] for name in DETECTION})
    how = reading(*(asked[name] for name in HOW))
    data = {name: asked[name] for name in READING}
    coact_files(events, out, wanted, reading=how, **data, say=click.echo, warn=partial(click.echo, err=True))


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


@click.command()
@click.argument("events", nargs=-1, required=True, type=click.Path(path_type=Path))
@reading_options
@click.option("--windows", "spans", type=Spans(), default="10s,30s,1m,2m,5m,10m,30m,1h", show_default=True)
@click.option("--since", type=Moment(), help="Start of the data window (default: the first event).")
@click.option("--until", type=Moment(), help="End of it, exclusive (default: just after the newest event).")
@click.option("--fdr", default=0.01, show_default=True, help="Rate of false discoveries among edges.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table as well: a name in .csv or .parquet.")
@click.option("--plot", type=click.Path(path_type=Path), help="Write a picture: a name in .svg or .html.")
def windows(
    events: tuple[Path, ...],
    format_name: str,
    mapping: Path | None,
    spans: tuple[int, ...],
    since: int | None,
    until: int | None,
    fdr: float,
    out: Path | None,
    plot: Path | None,
) -> None:
    """Try several windows on EVENTS (files or folders): what each finds, how steady it is, and which one to use.

    The suggestion rests on the earlier part of the data; what it finds in the later part is shown beside it.
    """
    from graph.coact import connected
    from graph.files import write_bytes
    from graph.tablefiles import check_target, write_table
    from graph.windows import WindowsConfig, scan, steps
    from graph.windows_picture import page, svg
    from graph.windows_text import metadata, table, text
    from ingest.readers import refuse_overwriting
    from ingest.stage import staged

    config = WindowsConfig(spans, fdr)
    how = reading(format_name, mapping)
    for target, suffixes in ((out, (".csv", ".parquet")), (plot, (".svg", ".html"))):
        if target is not None:
            check_target(target, suffixes)
            refuse_overwriting(events, target)
    with (
        staged(events, how) as log,
        connected(log, "duckdb") as connection,
        progress("trying windows", steps(config)) as advance,
    ):
        found = scan(connection, config, since, until, advance)
    if out is not None:
        write_table(table(found), out, metadata(found))
    if plot is not None:
        write_bytes(plot, (svg if plot.suffix.lower() == ".svg" else page)(found).encode())
    click.echo(text(found))


@click.command("check-media")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file, one a line.")
@click.option("--trust-anchors", type=click.Path(path_type=Path), help="PEM file of certificates (default: none).")
def check_media(files: tuple[Path, ...], trust_anchors: Path | None, *, as_json: bool) -> None:
    """Say what FILES (JPEG, PNG, WebP, MP4) tell of where they come from, and their perceptual hashes; asks nobody.

    Exit code 2 if a file could not be read; the others are answered all the same.
    """
    import json

    from graph.errors import InputError
    from graph.words import count
    from ingest.provenance.check import check_media as check
    from ingest.provenance.check import text

    failed = 0
    for answer in check(files, trust_anchors):
        failed += answer["status"] == "error"
        click.echo(json.dumps(answer) if as_json else text(answer))
    if failed:
        raise InputError(f"{failed:,} of {count(len(files), 'file')} could not be read")


COMMANDS = {
    "check-media": check_media,
    "coact": coact,
    "formats": formats,
    "ingest": ingest,
    "simulate": simulate,
    "watch": follow_cli.watch_command((*FORMATS, "auto")),
    "windows": windows,
}
