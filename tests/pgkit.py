"""A PostgreSQL server of its own for tests and benchmarks, from the programs that the system has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from sqlalchemy import create_engine, text

MADE = ("--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")


def programs() -> Path | None:
    """The folder of the newest server's programs, or None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    return found[-1] if found else None


def _as_postgres(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return (
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command] if os.geteuid() == 0 else command
    )


@contextmanager
def server(found: Path, *, durable: bool) -> Iterator[str]:
    """A server on a socket in a folder that goes away; yields its URL without a database.

    `durable`: whether a commit waits for the disk, as it does where decisions are kept.
    """
    with listening(found, durable=durable, port=0) as folder:
        yield f"postgresql+psycopg://shoal@/{{}}?host={folder}"


@contextmanager
def listening(found: Path, *, durable: bool, port: int) -> Iterator[Path]:
    """A server in a folder that goes away; yields the folder, in which its socket lies.

    Through the socket everybody is let in. `port`: also on this port of 127.0.0.1, by password (0: not).
    """
    folder = Path(mkdtemp(prefix="shoal-pg-", dir="/tmp"))  # the path of a socket has to be short
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"

    def run(command: str, *arguments: str) -> None:
        line = [str(found / command), "-D", str(data), *arguments]
        subprocess.run(_as_postgres(line), check=True, capture_output=True, cwd=folder)

    run("initdb", "-U", "shoal", "--auth-local=trust", "--auth-host=scram-sha-256", *MADE)
    settings = [f"unix_socket_directories={folder}", f"listen_addresses={'127.0.0.1' if port else ''}"]
    settings += [f"port={port}"] if port else []
    settings += [] if durable else ["fsync=off", "synchronous_commit=off"]
    run("pg_ctl", "-o", " ".join(f"-c {s}" for s in settings), "-l", str(folder / "log"), "-w", "start")
    try:
        yield folder
    finally:
        run("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def sql(url: str, statement: str) -> None:
    """Run a statement of the server itself, as CREATE DATABASE is."""
    engine = create_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
