"""Commands: publish, serve, worker, halt, read-private; those of keep_cli, key_cli, policy_cli and webhook_cli."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from api import keep_cli, key_cli, policy_cli, webhook_cli
from api.place import actor, folder_or_default, store_in, workspace_in
from graph.console import dir_option


@click.command()
@click.argument("run_id", metavar="RUN", default="CURRENT")
@click.option(
    "--policy",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policy file (default: the activated policy, else SHOAL_POLICY, else the one that ships).",
)
@dir_option
def publish(run_id: str, path: Path | None, folder: Path | None) -> None:
    """Make a run's conclusions what the API answers (RUN: an id, or CURRENT)."""
    from api.candidates import for_publication
    from api.publish import publish as do
    from graph.console import progress
    from graph.settings import settings

    place = workspace_in(folder)
    run = place.runs.get(run_id)
    with store_in(folder) as engine:
        policy = for_publication(engine, path or settings().policy)
        with progress(f"Publishing {run.run_id}"):
            report = do(run, place.log, engine, policy=policy, actor=actor())
    for shadow in report.shadows:
        click.echo(
            f"Candidate policy {shadow.candidate[:12]}: {len(shadow.changes):,} accounts would be judged otherwise, "
            f"{shadow.stricter:,} more strictly."
        )
    if not report.new and not report.verdicts_written:
        click.echo(f"Run {report.run_id} is published under policy {report.policy_version} already; nothing changed.")
        return
    tiers = ", ".join(f"{n:,} {tier}" for tier, n in report.tiers.items())
    click.echo(
        f"Published run {report.run_id} under policy {report.policy_version} (publication {report.publication_id})."
    )
    click.echo(f"{report.known_accounts:,} accounts known, {report.judged:,} judged: {tiers}.")
    click.echo(
        f"{report.verdicts_written:,} new verdicts, {report.networks:,} networks, {report.queued:,} accounts to review."
    )


@click.command()
@click.option("--host", help="Address to listen on (default: SHOAL_API_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: SHOAL_API_PORT; 0: any free one).")
@dir_option
def serve(host: str | None, port: int | None, folder: Path | None) -> None:
    """Answer verdicts and network actions over HTTP, until interrupted."""
    from api import logs
    from api.app import create_app
    from api.server import serve as run
    from graph.settings import settings

    given = settings()
    logs.configure(given.log_format, given.log_level)
    with store_in(folder) as engine:
        run(
            create_app(engine),
            host or given.api_host,
            given.api_port if port is None else port,
            folder_or_default(folder) / "api.json",
            lambda url: click.echo(f"Shoal's API answers at {url} (OpenAPI: {url}/openapi.json). Ctrl-C ends it."),
        )


@click.command()
@click.option("--once", is_flag=True, help="Do what there is to do, then end.")
@click.option("--every", type=click.FloatRange(0.05), default=2.0, show_default=True, help="Seconds between looks.")
@dir_option
def worker(once: bool, every: float, folder: Path | None) -> None:
    """Carry network actions on, and deliver what was decided: to the feed file and to the event log."""
    from api import logs
    from api import worker as rooms
    from api.outbound import Allowed, Sender
    from api.server import until_stopped
    from graph.errors import ConflictError
    from graph.settings import settings

    logs.configure(settings().log_format, settings().log_level)
    place = workspace_in(folder)
    with until_stopped() as go_on, store_in(folder) as engine:
        if not once:
            click.echo("The worker runs. Ctrl-C ends it.")
            rooms.work(engine, place, every=every, go_on=go_on)
            return
        with closing(Sender(Allowed.configured())) as sender:
            done = rooms.once(engine, place, go_on, sender)
    sent = f" {done.sent:,} events sent to webhooks." if done.sent else ""
    click.echo(
        f"{done.actions:,} actions carried on, {done.events:,} events, {done.labels:,} labels "
        f"and {done.bans:,} records of bans delivered.{sent}"
    )
    if done.waiting:
        raise ConflictError(f"labels or bans still wait: {done.waiting}")


@click.command()
@click.option("--reason", required=True, help="Why; everybody who looks at the switch reads it.")
@click.option("--lift", is_flag=True, help="Lift it again. Not by who set it.")
@dir_option
def halt(reason: str, folder: Path | None, *, lift: bool) -> None:
    """Set the kill switch: every executing network action stops, and none begins. Reversals go on.

    `cli:` and the name of the account you work under is who did it, so whoever set it here cannot lift it here:
    another account, or a person with a key of the scope action:halt, must.
    """
    from api import switch
    from api.clock import now
    from api.store import writing

    if not reason.strip():
        raise click.UsageError("say why")
    with store_in(folder) as engine, writing(engine) as tx:
        if lift:
            switch.lift(tx, actor=actor(), reason=reason, at=now())
            click.echo("The kill switch is lifted. What it halted stays halted until somebody resumes it.")
            return
        halted = switch.throw(tx, actor=actor(), reason=reason, at=now())
    click.echo(f"The kill switch is set. Halted just now: {', '.join(halted) or 'nothing'}.")


@click.command("read-private")
@click.argument("event_ids", metavar="EVENT...", nargs=-1, required=True)
@click.option("--reason", required=True, help="Why they are read; it stands in the audit log beside your name.")
@dir_option
def read_private(event_ids: tuple[str, ...], reason: str, folder: Path | None) -> None:
    """Show texts of private messages, where they are kept (SHOAL_STORE_PRIVATE_TEXT_DAYS), and say so in the audit log.

    Nothing is shown that is not in the audit log first.
    """
    from api.private_texts import read

    with store_in(folder) as engine:
        for line in read(engine, workspace_in(folder).private_texts, event_ids, reason=reason, actor=actor()):
            click.echo(line)


COMMANDS: dict[str, click.Command] = {
    "publish": publish,
    "serve": serve,
    "worker": worker,
    "halt": halt,
    "key": key_cli.key,
    "policy": policy_cli.policy,
    "webhook": webhook_cli.webhook,
    **keep_cli.COMMANDS,
    "read-private": read_private,
}
