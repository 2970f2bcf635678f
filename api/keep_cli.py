"""Commands that keep the decision store: audit, backup, migrate, restore."""

from __future__ import annotations

from pathlib import Path

import click

from graph.console import dir_option, progress

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group()
def audit() -> None:
    """The audit log: verify it, sign how far it is, export it."""


@audit.command("verify")
@click.option("--checkpoint", type=FILE, help="Also: does the log go through this checkpoint? Needs --key.")
@click.option("--key", type=FILE, help="The public key that the checkpoint is checked with.")
@click.option(
    "--file",
    "exported",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="An exported log instead of the decision store's.",
)
@dir_option
def audit_verify(checkpoint: Path | None, key: Path | None, exported: Path | None, folder: Path | None) -> None:
    """Recompute the hash chain; fails naming the first row that is not what was written."""
    if (checkpoint is None) != (key is None):
        raise click.UsageError("--checkpoint and --key go together")
    from api.audit import verify_chain
    from api.checkpoint import public_key, read, require_extends, verify_file
    from api.place import store_in

    said = None if checkpoint is None or key is None else read(checkpoint, public_key(key))
    through = "" if said is None else f", and goes through the checkpoint of {said['at']} (row {said['rows']:,})"
    if exported is not None:
        first, last = verify_file(exported, said)
        click.echo(f"The exported audit log is whole from row {first:,} to {last:,}{through}.")
        return
    with store_in(folder) as engine:
        rows = verify_chain(engine) if said is None else require_extends(engine, said)
    click.echo(f"The audit log is whole: {rows:,} rows{through}.")


@audit.command("keygen")
@click.argument("private", type=FILE)
def audit_keygen(private: Path) -> None:
    """Make keys for checkpoints: PRIVATE signs, and belongs away from the database; PRIVATE.pub checks."""
    from api.checkpoint import make_keys

    click.echo(f"{private} signs, {make_keys(private)} checks; name the first in SHOAL_AUDIT_KEY")


@audit.command("checkpoint")
@click.option("--out", required=True, type=FILE, help="Where it goes: best a place that nobody here can change.")
@dir_option
def audit_checkpoint(out: Path, folder: Path | None) -> None:
    """Sign how long the audit log is and how it ends, by the key in SHOAL_AUDIT_KEY."""
    import json

    from api.checkpoint import make, private_key
    from api.place import store_in
    from graph.errors import InputError
    from graph.files import write_bytes
    from graph.settings import settings

    path = settings().audit_key
    if path is None:
        raise InputError("SHOAL_AUDIT_KEY names no key to sign with; `shoal audit keygen` makes one")
    key = private_key(path)
    with store_in(folder) as engine:
        said = make(engine, key)
    write_bytes(out, (json.dumps(said, indent=1) + "\n").encode())
    click.echo(f"{out}: {said['rows']:,} rows, signed at {said['at']}")


@audit.command("export")
@click.option(
    "--out", required=True, type=FILE, help="Where it goes; an older file there is replaced when it is whole."
)
@click.option("--since", type=click.IntRange(0), default=0, show_default=True, help="Only rows after this number.")
@dir_option
def audit_export(out: Path, since: int, folder: Path | None) -> None:
    """Write the audit log's rows, a line of JSON each; `shoal audit verify --file` checks them without the database."""
    from api.checkpoint import export
    from api.place import store_in
    from graph.files import sync_file

    part = out.with_name(f".{out.name}.part")
    rows = 0
    with store_in(folder) as engine, part.open("w", encoding="utf-8") as file:
        part.chmod(0o600)
        for line in export(engine, since):
            file.write(line)
            rows += 1
    sync_file(part)
    part.replace(out)
    click.echo(f"{out}: {rows:,} rows")


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to make; it must not exist.")
@dir_option
def backup(out: Path, folder: Path | None) -> None:
    """Copy what cannot be rebuilt: decisions, event log, runs, secrets. Everything may go on meanwhile."""
    from api.backup import back_up
    from api.place import store_in, workspace_in

    with store_in(folder) as engine, progress("backing up"):
        said = back_up(workspace_in(folder), engine, out)
    click.echo(f"{out}: {len(said['files']):,} files, the audit log up to row {said['audit_rows']:,}")


@click.command()
@click.argument("source", metavar="BACKUP", type=click.Path(file_okay=False, path_type=Path))
@dir_option
def restore(source: Path, folder: Path | None) -> None:
    """Put a backup into an empty data folder, and an empty database where SHOAL_DATABASE_URL names one."""
    from api.backup import restore as put_back
    from api.place import workspace_in
    from graph.settings import settings

    url = settings().database_url
    root = workspace_in(folder).root
    with progress("restoring"):
        said = put_back(source, root, None if url is None else url.get_secret_value())
    click.echo(f"{root}: as it was at {said['at']}, the audit log up to row {said['audit_rows']:,}")
    click.echo("What happened after that is not in it: see the runbook of a restore (docs/how-to/runbook-restore.md).")


@click.command()
@dir_option
def migrate(folder: Path | None) -> None:
    """Bring the decision store's schema up to date. Other commands do so too, where their role may."""
    from api.place import store_in
    from api.store import HEAD

    with store_in(folder):
        click.echo(f"The decision store's schema is of version {HEAD}.")


COMMANDS: dict[str, click.Command] = {"audit": audit, "backup": backup, "migrate": migrate, "restore": restore}
