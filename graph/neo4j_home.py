"""What embedded Neo4j finds in its folder when it starts: configuration, Java arguments, first password.

DIR/neo4j/
    conf/neo4j.conf, conf/java.args     written anew at every start
    data/                               databases; data/dbms/auth.ini makes the first password
    logs/console.log                    what the present (or last) server printed
    server.json                         ports and process of the present server (graph.embedded)
    importing/                          a bulk import in the making (graph.bulk); after a crash begun anew
    imported/, replaced/                a finished one on its way into data/, and what lay there before (`adopt`)
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from graph.files import sync_file, sync_folder, write_bytes
from graph.settings import Settings

USERNAME = "neo4j"
MIB = 1 << 20
OPENED = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")  # packages of java.base that Neo4j reaches into
JAVA_FLAGS = (
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
    "--enable-native-access=ALL-UNNAMED",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-XX:+ExitOnOutOfMemoryError",  # a server that limps on is worse than one that is started again
)
SETTINGS = {
    "server.default_listen_address": "127.0.0.1",
    "server.https.enabled": "false",
    "server.http_enabled_modules": "BROWSER",
    # nothing leaves the machine
    "dbms.usage_report.enabled": "false",
    "client.allow_telemetry": "false",
    "server.bolt.telemetry.enabled": "false",
    "server.fleet_discovery.enabled": "false",
    # queries may hold account ids
    "db.logs.query.enabled": "OFF",
    "dbms.security.procedures.unrestricted": "gds.*",
    "dbms.security.procedures.allowlist": "gds.*",
    # the database is a view that can be rebuilt: no archive of old transactions, no half gigabyte set aside
    "db.tx_log.preallocate": "false",
    "db.tx_log.rotation.size": "64M",
    "db.tx_log.rotation.retention_policy": "256M size",
    # each of the two Bolt listeners would otherwise sit out 5 idle seconds at every stop
    "internal.dbms.bolt.local_enabled": "false",
    "internal.dbms.bolt.netty_server_shutdown_quiet_period_duration": "0s",
    "internal.server.bolt.thread_pool_shutdown_wait_time": "0s",
}


@dataclass(frozen=True)
class Memory:
    """What the server may use, in MiB."""

    heap: int
    page_cache: int


def memory(settings: Settings, total: int | None = None) -> Memory:
    """An eighth of the machine each for heap (512 MiB to 4 GiB) and page cache (256 MiB to 4 GiB).

    Args:
        settings: `heap_mb` and `page_cache_mb` win.
        total: memory of the machine in bytes (default: this machine's, or its container's limit).
    """
    share = (_machine() if total is None else total) // MIB // 8
    return Memory(settings.heap_mb or min(max(share, 512), 4096), settings.page_cache_mb or min(max(share, 256), 4096))


def prepare(home: Path, distribution: Path, password: str, ports: tuple[int, int], sizes: Memory) -> Path:
    """Write everything the server reads at its start; return the file of Java arguments.

    Args:
        home: the server's folder.
        distribution: folder with lib/ and plugins/ (graph.provision).
        password: becomes the first password if the folder has no database yet.
        ports: Bolt and HTTP.
        sizes: memory.
    """
    for folder in (home, home / "conf", home / "logs", home / "data" / "dbms"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (home / "data" / "databases").exists():
        write_bytes(home / "data" / "dbms" / "auth.ini", _auth_line(password).encode(), mode=0o600)
    bolt, http = ports
    lines = {
        **SETTINGS,
        "server.directories.plugins": str(distribution / "plugins"),
        "server.directories.lib": str(distribution / "lib"),
        "server.bolt.listen_address": f"127.0.0.1:{bolt}",
        "server.bolt.advertised_address": f"127.0.0.1:{bolt}",
        "server.http.listen_address": f"127.0.0.1:{http}",
        "server.http.advertised_address": f"127.0.0.1:{http}",
        "server.memory.heap.max_size": f"{sizes.heap}m",
        "server.memory.pagecache.size": f"{sizes.page_cache}m",
    }
    text = [f"{key}={value}" for key, value in lines.items()]
    text += [f"server.jvm.additional={flag}" for flag in JAVA_FLAGS]  # read by Neo4j's admin tools
    write_bytes(home / "conf" / "neo4j.conf", ("\n".join(text) + "\n").encode())
    ending = [
        "org.neo4j.server.Neo4jCommunity",
        f"--home-dir={home}",
        f"--config-dir={home / 'conf'}",
        "--console-mode",
    ]
    return java_arguments(home / "conf" / "java.args", distribution, sizes.heap, ending)


def java_arguments(path: Path, distribution: Path, heap: int, ending: list[str]) -> Path:
    """Write a file of Java arguments: Neo4j's jars, the heap (MiB), and at the end the main class with its own."""
    jars = [*sorted((distribution / "plugins").glob("*.jar")), *sorted((distribution / "lib").glob("*.jar"))]
    arguments = [
        *JAVA_FLAGS,
        f"-Xms{min(heap, 512)}m",
        f"-Xmx{heap}m",
        "-cp",
        ":".join(map(str, jars)),
        *ending,
    ]
    quoted = ['"' + a.replace("\\", "\\\\").replace('"', '\\"') + '"' for a in arguments]
    write_bytes(path, ("\n".join(quoted) + "\n").encode())
    return path


def hand_over(home: Path, staged: Path) -> None:
    """Put the database that lies in `staged` in the place of the folder's own. No server may be running.

    What else lies in `data` (the system's database with users and passwords) is kept. From the rename of `staged` on
    the new database is the folder's, whatever happens.
    """
    adopt(home)  # what a crash left here
    if (home / "data").exists():
        shutil.copytree(home / "data", staged / "data", dirs_exist_ok=True, ignore=_replaced)
    for file in staged.rglob("*"):
        if file.is_file():
            sync_file(file)
    staged.rename(home / "imported")
    sync_folder(home)
    adopt(home)


def _replaced(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "neo4j" and Path(folder).name in ("databases", "transactions")]


def adopt(home: Path) -> None:
    """Put a finished import (home/imported) in the place of the database. No server may be running.

    Killed anywhere in it, the next call goes on: until the last rename the finished import is complete where it is.
    """
    imported, data, replaced = home / "imported", home / "data", home / "replaced"
    if (imported / "data").exists():
        if data.exists():
            shutil.rmtree(replaced, ignore_errors=True)
            data.rename(replaced)
        (imported / "data").rename(data)
        sync_folder(home)
    for rest in (imported, replaced):
        shutil.rmtree(rest, ignore_errors=True)


def _auth_line(password: str) -> str:
    """What `neo4j-admin dbms set-initial-password` writes, without the 5 seconds of a second JVM.

    SHA-256 over salt and password, and over the result 1023 times more.
    """
    salt = secrets.token_bytes(32)
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(1023):
        digest = hashlib.sha256(digest).digest()
    return f"{USERNAME}:SHA-256,{digest.hex()},{salt.hex()},1024:\n"


def _machine() -> int:
    """Bytes of memory of this machine, or of the container it is."""
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text().strip() if limit.is_file() else "max"
    total = int(psutil.virtual_memory().total)
    return min(total, int(text)) if text.isdigit() else total
