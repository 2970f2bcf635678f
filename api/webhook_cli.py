"""Commands of webhooks: add, list, test, rotate, enable, disable, dead, replay."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from api.key_cli import DURATION
from api.place import actor, store_in
from graph.console import dir_option


@click.group()
def webhook() -> None:
    """Webhooks: who is sent what is decided. `shoal worker` sends it."""


@webhook.command("add")
@click.argument("url")
@click.option("--event", "types", multiple=True, help="penalty.applied or penalty.reversed (default: both).")
@dir_option
def add(url: str, types: tuple[str, ...], folder: Path | None) -> None:
    """Send what happens from now on to URL, and print the secret that it is signed with. It is not shown again."""
    from api import webhooks
    from api.outbound import Allowed

    with store_in(folder) as engine:
        endpoint_id, secret = webhooks.add(engine, url, types, Allowed.configured(), actor=actor())
    click.echo(f"{endpoint_id}  {secret}")


@webhook.command("list")
@dir_option
def show(folder: Path | None) -> None:
    """List webhooks, how far each is, and what waits for it."""
    from api import webhooks
    from api.clock import iso

    with store_in(folder) as engine:
        rows = webhooks.listed(engine)
    for row in rows:
        failing = "" if row["failing_since"] is None else f"  failing since {iso(row['failing_since'])}"
        click.echo(
            f"{row['endpoint_id']}  {row['state']}  {row['url']}  received or waiting up to {row['cursor']}  "
            f"{row['waiting']:,} waiting  {row['dead']:,} dead{failing}"
        )


@webhook.command("test")
@click.argument("endpoint_id", metavar="ID")
@dir_option
def test(endpoint_id: str, folder: Path | None) -> None:
    """Send a signed event of type `shoal.test` now, and say what was answered."""
    from api import delivery, webhooks
    from api.clock import iso, now
    from api.outbound import Allowed, Sender
    from api.store import reading
    from graph.errors import UnavailableError

    with store_in(folder) as engine, reading(engine) as tx:
        row = webhooks.find(tx, endpoint_id)
    at = now()
    payload = {"type": "shoal.test", "account_id": "", "at": iso(at)}
    item = delivery.Item(0, "", f"shoal.test:{at}", payload, 0, held=False)
    with closing(Sender(Allowed.configured())) as sender:
        why, _, _ = delivery.attempt(sender, row, item, at)
    if why is not None:
        raise UnavailableError(f"{row.url}: {why}")
    click.echo(f"{row.url} received it.")


@webhook.command("rotate")
@click.argument("endpoint_id", metavar="ID")
@click.option("--overlap", type=DURATION, default="24h", show_default=True, help="How long both secrets sign.")
@dir_option
def rotate(endpoint_id: str, overlap: int, folder: Path | None) -> None:
    """Print a new secret; for a while what is sent is signed with both."""
    from api import webhooks

    with store_in(folder) as engine:
        click.echo(webhooks.rotate(engine, endpoint_id, actor=actor(), overlap=overlap))


def _turn(endpoint_id: str, state: str, why: str, folder: Path | None) -> None:
    from api import webhooks
    from api.clock import now
    from api.store import writing

    with store_in(folder) as engine, writing(engine) as tx:
        webhooks.set_state(tx, endpoint_id, state, why, actor=actor(), at=now())
    click.echo(f"Webhook {endpoint_id} is {state}.")


@webhook.command("disable")
@click.argument("endpoint_id", metavar="ID")
@click.option("--reason", required=True, help="Why.")
@dir_option
def disable(endpoint_id: str, reason: str, folder: Path | None) -> None:
    """Send nothing more; what happens meanwhile waits."""
    _turn(endpoint_id, "disabled", reason, folder)


@webhook.command("enable")
@click.argument("endpoint_id", metavar="ID")
@click.option("--reason", required=True, help="Why.")
@dir_option
def enable(endpoint_id: str, reason: str, folder: Path | None) -> None:
    """Go on sending, from where it stopped."""
    _turn(endpoint_id, "enabled", reason, folder)


@webhook.command("dead")
@click.argument("endpoint_id", metavar="ID")
@dir_option
def dead(endpoint_id: str, folder: Path | None) -> None:
    """List events that were given up after three days, and why."""
    from api import webhooks
    from api.clock import iso

    with store_in(folder) as engine:
        rows = webhooks.dead(engine, endpoint_id)
    for row in rows:
        last = f"{row['attempts']} attempts, the last {iso(row['dead_at'])}"
        click.echo(f"{row['seq']}  {row['account_id']}  {last}: {row['why']}")
    click.echo(f"{len(rows):,} dead events.")


@webhook.command("replay")
@click.argument("endpoint_id", metavar="ID")
@click.option("--dead", "only_dead", is_flag=True, help="Try the dead events again.")
@click.option("--from", "seq", type=click.IntRange(1), help="Send everything from this serial number on again.")
@dir_option
def replay(endpoint_id: str, seq: int | None, folder: Path | None, *, only_dead: bool) -> None:
    """Send events again: those that were given up, or all from a serial number on."""
    from api import webhooks

    if only_dead == (seq is not None):
        raise click.UsageError("say --dead or --from SEQ")
    with store_in(folder) as engine:
        if seq is None:
            click.echo(f"{webhooks.revive(engine, endpoint_id, actor=actor()):,} events are tried again.")
            return
        webhooks.replay(engine, endpoint_id, seq, actor=actor())
    click.echo(f"Everything from {seq} on is sent again.")
