"""The `shoal` command: mounts each package's commands, lazily, and holds those that cross packages."""

from __future__ import annotations

import sys
from importlib import import_module

import click

# command -> the package whose cli.py has it; a package is imported only when its command is used
MOUNTED = {
    "ingest": "ingest",
    "simulate": "ingest",
    "load": "graph",
    "provision": "graph",
    "lock-neo4j": "graph",
    "detect": "graph",
    "runs": "graph",
    "train": "gnn",
    "score": "gnn",
    "publish": "api",
    "serve": "api",
    "worker": "api",
    "key": "api",
    "policy": "api",
}


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
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
