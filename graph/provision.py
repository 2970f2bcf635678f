"""The Neo4j distribution: fetched once, by a committed lock, every jar checked against its SHA-256.

    PLACE/                 <python environment>/share/shoal/neo4j/<lock digest>/
        complete           written last: every jar below was checked
        lib/               server and Browser
        plugins/           Graph Data Science (GDS)
        .parts/            jars on their way; a crash leaves them, the next attempt goes on from there

The lock (graph/neo4j.lock, made by graph.relock) names every jar by Maven coordinates, size and hash,
so nothing is resolved at run time and a mirror cannot hand out anything else.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from time import sleep
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout

from graph.console import console, progress
from graph.errors import InputError, UnavailableError
from graph.files import sha256_of, write_bytes
from graph.settings import Settings

LOCK = Path(__file__).with_name("neo4j.lock")
PARALLEL = 12  # connections; more gained nothing
ATTEMPTS = 4
TIMEOUT_S = 60
CHUNK = 1 << 18


class _DamagedError(Exception):
    """What was received is not what the lock says."""


@dataclass(frozen=True)
class Jar:
    """One file of the distribution."""

    coordinates: str
    folder: str
    name: str
    size: int
    sha256: str

    @property
    def address(self) -> str:
        """Path below a repository's address."""
        group, artifact, version, *_ = self.coordinates.split(":")
        return f"{group.replace('.', '/')}/{artifact}/{version}/{self.name}"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars a lock names."""
    return [Jar(**entry) for entry in json.loads(lock.read_text(encoding="utf-8"))["jars"]]


def place(settings: Settings, lock: Path = LOCK) -> Path:
    """Where the distribution of this lock lies, or will: it changes when the lock does."""
    digest = sha256_of(lock)[:12]
    if settings.cache is not None:
        return settings.cache / "neo4j" / digest
    for base in (Path(sys.prefix) / "share", Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")):
        found = base / "shoal" / "neo4j" / digest
        if (found / "complete").exists() or _is_writable(base):
            return found
    raise UnavailableError(
        f"neither {sys.prefix} nor the user's cache folder can be written to; set SHOAL_CACHE to a folder that can"
    )


def repository(settings: Settings) -> str:
    """Address of the repository: SHOAL_MAVEN_MIRROR, or the public one that jgo knows."""
    if settings.maven_mirror:
        address = settings.maven_mirror.rstrip("/")
        if urlsplit(address).scheme not in ("http", "https"):
            raise InputError(f"SHOAL_MAVEN_MIRROR is {address!r}; expected an http or https address")
        return address
    from jgo.constants import MAVEN_CENTRAL_URL

    return str(MAVEN_CENTRAL_URL)


def provision(settings: Settings, *, lock: Path = LOCK, verify: bool = False) -> Path:
    """Make sure the distribution is here; return its folder.

    What is there already is kept; `verify` reads every jar again and fetches those that changed.
    Two processes may call this at once: one fetches, the other waits.

    Raises:
        UnavailableError: the repository does not answer or lacks a jar; the message names what is missing.
        InputError: a jar's bytes are not what the lock says, twice.
    """
    home = place(settings, lock)
    jars = read_lock(lock)
    if not verify and (home / "complete").exists() and not _missing(home, jars):
        return home
    home.mkdir(parents=True, exist_ok=True)
    with _alone(home):
        if verify:
            for jar in jars:
                path = home / jar.folder / jar.name
                if path.exists() and sha256_of(path) != jar.sha256:
                    path.unlink()
        missing = _missing(home, jars)
        if missing:
            _fetch_all(home, missing, len(jars), repository(settings))
        write_bytes(home / "complete", sha256_of(lock).encode())
    return home


def _missing(home: Path, jars: list[Jar]) -> list[Jar]:
    """Jars that are not there. A jar is renamed into place after its check, so its size tells enough."""
    sizes = {
        (folder.name, entry.name): entry.stat().st_size
        for folder in (home / "lib", home / "plugins")
        if folder.is_dir()
        for entry in os.scandir(folder)
    }
    return [jar for jar in jars if sizes.get((jar.folder, jar.name)) != jar.size]


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    lock = FileLock(home.with_name(f"{home.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        console().print("Another shoal is fetching Neo4j; waiting for it.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _fetch_all(home: Path, jars: list[Jar], total: int, source: str) -> None:
    megabytes = sum(jar.size for jar in jars) / 1e6
    with (
        progress(f"Fetching Neo4j ({len(jars)} of {total} jars, {megabytes:.0f} MB)", len(jars)) as advance,
        ThreadPoolExecutor(PARALLEL) as pool,
    ):
        # largest first: the last connections to finish are then short ones
        waiting = {pool.submit(_fetch, home, jar, source): jar for jar in sorted(jars, key=lambda j: -j.size)}
        try:
            _collect(waiting, advance)
        except (_DamagedError, OSError, HTTPException) as error:
            pool.shutdown(cancel_futures=True)
            raise _explained(error, home, jars, total, source) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)  # Ctrl-C: do not go on fetching in the background
            raise


def _collect(waiting: dict[Future[None], Jar], advance: Callable[[float], None]) -> None:
    pending = set(waiting)
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            failed = future.exception()
            if failed is not None:
                failed.add_note(waiting[future].name)  # others may be missing too, but this one says why
                raise failed
            advance(1)


def _explained(error: Exception, home: Path, jars: list[Jar], total: int, source: str) -> Exception:
    host = urlsplit(source).hostname
    if isinstance(error, _DamagedError):
        return InputError(f"{error} (from {host}, twice). Fetch from another repository: set SHOAL_MAVEN_MIRROR.")
    left, name = _missing(home, jars), error.__notes__[0]
    return UnavailableError(
        f"Neo4j is not on this machine yet: {len(left)} of {total} jars are missing in {home}. "
        f"For {name}, {host} gave: {error}. Connect once and run `shoal provision`, or set SHOAL_MAVEN_MIRROR "
        "to a repository that this machine can reach. What was fetched is kept."
    )


def _fetch(home: Path, jar: Jar, source: str) -> None:
    """Fetch one jar, going on with what a broken attempt left; check it; put it in place."""
    part = home / ".parts" / jar.name
    part.parent.mkdir(exist_ok=True)
    damaged = 0
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _download(f"{source}/{jar.address}", part, jar.size)
            _check(part, jar)
            break
        except _DamagedError:
            part.unlink(missing_ok=True)
            damaged += 1
            if damaged == 2:
                raise
        except (OSError, HTTPException) as error:
            final = isinstance(error, HTTPError) and error.code in (401, 403, 404, 410)
            if isinstance(error, HTTPError):
                error.close()  # an error is an answer, and holds its socket
            if final or attempt == ATTEMPTS:
                raise
            sleep(0.3 * 2**attempt)
    target = home / jar.folder / jar.name
    target.parent.mkdir(exist_ok=True)
    part.replace(target)


def _download(address: str, part: Path, size: int) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have == size:
        return
    if have > size:
        part.unlink()
        have = 0
    headers = {"User-Agent": "shoal", **({"Range": f"bytes={have}-"} if have else {})}
    request = Request(address, headers=headers)  # noqa: S310 - http or https, see repository()
    with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
        assert isinstance(response, HTTPResponse)
        resumed = response.status == 206  # a repository may ignore Range and send the whole
        with part.open("ab" if resumed else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)


def _check(part: Path, jar: Jar) -> None:
    with part.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = part.stat().st_size
    if size < jar.size:
        raise ConnectionError(f"{jar.name}: the connection ended after {size} of {jar.size} bytes")
    if digest != jar.sha256:
        raise _DamagedError(f"{jar.name}: received sha256 {digest}, the lock says {jar.sha256}")


def _is_writable(folder: Path) -> bool:
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    return os.access(existing, os.W_OK)
