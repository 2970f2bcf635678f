"""Making graph/neo4j.lock: which jars make up Neo4j with GDS and Browser, resolved by jgo.

Run by hand (`shoal lock-neo4j`) when one of the versions below changes; everybody else uses the lock.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from graph.errors import IntegrityError, UnavailableError
from graph.files import sha256_of, write_json
from graph.provision import LOCK, PARALLEL, Jar, read_lock, repository
from graph.settings import Settings

NEO4J = "2026.08.1"
BROWSER = "5.24.0"
GDS = "2.26.0"
ROOTS = {
    "lib": [
        f"org.neo4j:neo4j:{NEO4J}",
        f"org.neo4j.app:neo4j-server:{NEO4J}",
        f"org.neo4j.client:neo4j-browser:{BROWSER}",
    ],
    "plugins": [
        f"org.neo4j.gds:{name}:{GDS}" for name in ("proc", "proc-sysinfo", "opengds-extension", "open-model-catalog")
    ],
}
# in the resolved set because one library (jProcesses) declares what it tests with as needed at run time
TEST_ONLY = ("junit", "net.bytebuddy", "org.hamcrest", "org.mockito", "org.objenesis")


def relock(settings: Settings, lock: Path = LOCK) -> list[Jar]:
    """Resolve the versions above, fetch and hash every jar, write `lock`.

    Returns:
        The jars locked. Takes about two minutes.

    Raises:
        UnavailableError: the repository does not answer.
        IntegrityError: a jar that the old lock names has other bytes now, which a release never should.
    """
    from requests import RequestException

    with tempfile.TemporaryDirectory(prefix="shoal-lock-") as scratch:
        try:
            jars = _resolved(Path(scratch), repository(settings))
        except (RequestException, RuntimeError) as error:  # jgo raises RuntimeError for what it cannot find
            raise UnavailableError(f"the repository did not answer for all of Neo4j: {error}") from error
    if lock.exists():
        _compare(read_lock(lock), jars)
    write_json(lock, {"roots": ROOTS, "jars": [asdict(jar) for jar in jars]})
    return jars


def _resolved(scratch: Path, source: str) -> list[Jar]:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=scratch, local_repos=[], remote_repos={"source": source}, timeout=60)
    artifacts: dict[str, list[Any]] = {}
    for folder, roots in ROOTS.items():
        inputs, needed = context.resolver.resolve([context.create_dependency(root) for root in roots])
        artifacts[folder] = [d.artifact for d in inputs] + [
            d.artifact for d in needed if d.scope in ("compile", "runtime") and d.groupId not in TEST_ONLY
        ]
    # the server's version wins: two versions of a library on one classpath break both
    server = {(a.groupId, a.artifactId) for a in artifacts["lib"]}
    artifacts["plugins"] = [a for a in artifacts["plugins"] if (a.groupId, a.artifactId) not in server]
    return sorted(_hashed(artifacts), key=lambda jar: (jar.folder, jar.coordinates))


def _hashed(artifacts: dict[str, list[Any]]) -> Iterable[Jar]:
    flat = [(folder, artifact) for folder, found in artifacts.items() for artifact in found]
    with ThreadPoolExecutor(PARALLEL) as pool:
        paths = pool.map(lambda pair: pair[1].resolve(), flat)  # jgo checks the repository's own checksum
        for (folder, artifact), path in zip(flat, paths, strict=True):
            coordinates = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
            if artifact.classifier:
                coordinates += f":{artifact.classifier}"
            yield Jar(coordinates, folder, artifact.filename, path.stat().st_size, sha256_of(path))


def _compare(old: list[Jar], new: list[Jar]) -> None:
    known = {jar.coordinates: jar.sha256 for jar in old}
    changed = [jar.coordinates for jar in new if known.get(jar.coordinates, jar.sha256) != jar.sha256]
    if changed:
        raise IntegrityError(
            f"released jars changed since the lock was made: {', '.join(changed)}; nothing was written"
        )
