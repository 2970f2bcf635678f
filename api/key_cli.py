"""Commands of API keys: make, list, rotate, revoke, and what a key was used for."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from api.place import actor, store_in
from graph.console import dir_option

UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
MICROSECOND = timedelta(microseconds=1)


class Span(click.ParamType[int]):
    """A length of time: 90d, 24h, 30m; in microseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Microseconds."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d{1,6})([mhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no length of time: expected 90d, 24h or 30m", param, ctx)
        return int(found[1]) * (UNITS[found[2]] // MICROSECOND)


@click.group()
def key() -> None:
    """API keys: make, list, rotate, revoke, and what one was used for."""


@key.command("create")
@click.option("--name", required=True, help="The person or service who uses it; two keys of one name are one person.")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; may be given several times.")
@click.option("--expires-in", type=Span(), help="How long it is valid: 90d, 24h (default: until it is revoked).")
@dir_option
def key_create(name: str, scopes: tuple[str, ...], expires_in: int | None, folder: Path | None) -> None:
    """Make a key and print it. It is not shown again."""
    from api import auth
    from api.clock import now

    with store_in(folder) as engine:
        ends = None if expires_in is None else now() + expires_in
        click.echo(auth.create(engine, name, scopes, actor=actor(), expires_at=ends))


@key.command("list")
@dir_option
def key_list(folder: Path | None) -> None:
    """List keys, without what would let anybody use them."""
    from api import auth
    from api.clock import iso, now

    with store_in(folder) as engine:
        rows = auth.keys(engine)
    for row in rows:
        state, ends = "active", row["expires_at"]
        if row["revoked_at"] is not None:
            state = f"revoked {iso(row['revoked_at'])}"
        elif ends is not None:
            state = f"{'expired' if ends <= now() else 'active until'} {iso(ends)}"
        click.echo(f"{row['key_id']}  {row['name']}  {state}  made {iso(row['created_at'])}  {' '.join(row['scopes'])}")


@key.command("rotate")
@click.argument("key_id")
@click.option("--overlap", type=Span(), default="24h", show_default=True, help="How long the old one is still valid.")
@dir_option
def key_rotate(key_id: str, overlap: int, folder: Path | None) -> None:
    """Print a new key of the same name and scopes; the old one ends by itself."""
    from api import auth

    with store_in(folder) as engine:
        click.echo(auth.rotate(engine, key_id, actor=actor(), overlap=overlap))


@key.command("uses")
@click.argument("key_id")
@dir_option
def key_uses(key_id: str, folder: Path | None) -> None:
    """List what was changed with a key, from the audit log: when, what, and to which subject."""
    from api import auth
    from api.clock import iso

    with store_in(folder) as engine:
        rows = auth.uses(engine, key_id)
    for row in rows:
        click.echo(f"{iso(row['at'])}  {row['event']}  {row['subject']}")
    click.echo(f"{len(rows):,} changes were made with key {key_id}.")


@key.command("revoke")
@click.argument("key_id")
@dir_option
def key_revoke(key_id: str, folder: Path | None) -> None:
    """End a key at once."""
    from api import auth

    with store_in(folder) as engine:
        auth.revoke(engine, key_id, actor=actor())
    click.echo(f"Key {key_id} is revoked.")


@key.command("scopes")
def key_scopes() -> None:
    """What keys can be allowed to do."""
    from api.auth import SCOPES

    for name, meaning in SCOPES.items():
        click.echo(f"{name:16} {meaning}")
