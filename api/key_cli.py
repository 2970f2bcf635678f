"""Commands of API keys: make, list, rotate, revoke, what one was used for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from api.place import actor, store_in
from graph.console import dir_option

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


class _Duration(click.ParamType[int]):
    """A time such as 30m, 24h or 90d, as microseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Microseconds."""
        found = re.fullmatch(r"([0-9]{1,6})([mhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no time: write 30m, 24h or 90d", param, ctx)
        return int(found[1]) * _UNITS[found[2]] * 1_000_000


DURATION = _Duration()


def _max_days() -> int | None:
    from graph.settings import settings

    return settings().api_key_max_days


def _person(given: str | None) -> str | None:
    """ISSUER#SUBJECT of what was given: a subject of the issuer in the settings, or both."""
    if given is None or "#" in given:
        return given
    from api.persons import named
    from graph.errors import InputError
    from graph.settings import settings

    issuer = settings().oidc_issuer
    if issuer is None:
        raise InputError("--person: SHOAL_OIDC_ISSUER names no identity provider; write ISSUER#SUBJECT")
    return named(issuer, given)


@click.group()
def key() -> None:
    """API keys: make, list, rotate, revoke, what one was used for."""


@key.command("create")
@click.option("--name", required=True, help="The person or service who uses it; two keys of one name are one person.")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; may be given several times.")
@click.option("--expires-in", type=DURATION, help="When it ends by itself: 30m, 24h, 90d (default: never).")
@click.option("--person", help="Whose it is at the identity provider: the subject of their tokens, or ISSUER#SUBJECT.")
@click.option("--from", "allowed_from", multiple=True, help="Network it may be used from (CIDR); may be given often.")
@dir_option
def create(
    name: str,
    scopes: tuple[str, ...],
    expires_in: int | None,
    person: str | None,
    allowed_from: tuple[str, ...],
    folder: Path | None,
) -> None:
    """Make a key and print it. It is not shown again.

    Who has a key and comes with tokens too is one person only if the key says so: --person.
    """
    from api import auth

    most = _max_days()
    with store_in(folder) as engine:
        made = auth.create(
            engine,
            name,
            scopes,
            actor=actor(),
            expires_in=expires_in,
            max_days=most,
            person=_person(person),
            allowed_from=allowed_from,
        )
    click.echo(made)
    if expires_in is None and most is None:
        click.echo("This key never ends by itself: --expires-in 90d, or SHOAL_API_KEY_MAX_DAYS, ends it.", err=True)


@key.command("list")
@dir_option
def listing(folder: Path | None) -> None:
    """List keys, without what would let anybody use them. Last uses are to the hour, and some minutes late."""
    from api import auth

    most = _max_days()
    with store_in(folder) as engine:
        rows = auth.keys(engine)
    for row in rows:
        click.echo("  ".join(_described(row, auth.ends_at(row["expires_at"], row["created_at"], most))))


def _described(row: Any, end: int | None) -> list[str]:
    """A key's line, in parts."""
    from api.clock import iso, now

    if row["revoked_at"] is not None:
        state = f"revoked {iso(row['revoked_at'])}"
    elif end is not None and end <= now():
        state = f"expired {iso(end)}"
    else:
        state = "active"
    parts = [row["key_id"], row["name"], state, f"made {iso(row['created_at'])}"]
    if state == "active":
        parts.append("never ends" if end is None else f"ends {iso(end)}")
    parts.append("not used" if row["last_used_at"] is None else f"used {iso(row['last_used_at'])[:13]}h")
    for field, word in (("replaces", "replaces"), ("person", "is")):
        if row[field] is not None:
            parts.append(f"{word} {row[field]}")
    if row["allowed_from"]:
        parts.append(f"from {' '.join(row['allowed_from'])}")
    return [*parts, " ".join(row["scopes"])]


@key.command("rotate")
@click.argument("key_id")
@click.option(
    "--overlap", type=DURATION, default="24h", show_default=True, help="How long the old one goes on: 0m: not."
)
@click.option(
    "--expires-in", type=DURATION, help="When the new one ends (default: as long after its making as the old)."
)
@dir_option
def rotate(key_id: str, overlap: int, expires_in: int | None, folder: Path | None) -> None:
    """Make a key that takes another's place and print it. The old one ends after the overlap."""
    from api import auth

    with store_in(folder) as engine:
        made = auth.rotate(engine, key_id, actor=actor(), overlap=overlap, expires_in=expires_in, max_days=_max_days())
    click.echo(made)
    click.echo(f"{key_id} ends {'now' if not overlap else 'after the overlap'}.", err=True)


@key.command("revoke")
@click.argument("key_id", required=False)
@click.option("--name", help="All keys of this name (or ISSUER#SUBJECT) instead.")
@dir_option
def revoke(key_id: str | None, name: str | None, folder: Path | None) -> None:
    """End a key at once."""
    if (key_id is None) == (name is None):
        raise click.UsageError("give a key's id, or --name")
    from api import auth

    with store_in(folder) as engine:
        if name is not None:
            ended = auth.revoke_all(engine, name, actor=actor())
            click.echo(f"{len(ended)} keys of {name} are revoked: {', '.join(ended)}.")
            return
        assert key_id is not None
        auth.revoke(engine, key_id, actor=actor())
    click.echo(f"Key {key_id} is revoked.")


@key.command("uses")
@click.argument("key_id")
@dir_option
def uses(key_id: str, folder: Path | None) -> None:
    """Show what the audit log says was done with a key, and how the network actions in it stand now."""
    from api import key_uses
    from api.clock import iso

    with store_in(folder) as engine:
        found = key_uses.uses(engine, key_id)
    for row in found.rows:
        click.echo(f"{row['seq']}  {iso(row['at'])}  {row['actor']}  {row['event']}  {row['subject']}")
    for row in found.actions:
        click.echo(f"now: {row['action_id']}  {row['action']} of network {row['network_id']}  {row['state']}")
    click.echo(f"{len(found.rows):,} entries, {len(found.actions):,} network actions.")
    if found.unmarked:
        click.echo(
            f"{found.unmarked:,} entries of the same person do not say by which key, or by none (a token, Shoal)."
        )


@key.command("scopes")
def scopes() -> None:
    """What keys can be allowed to do."""
    from api.auth import SCOPES

    for name, meaning in SCOPES.items():
        click.echo(f"{name:16} {meaning}")
