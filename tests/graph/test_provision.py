"""Fetching the distribution from a local repository that can misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from graph import provision as module
from graph.errors import InputError, UnavailableError
from graph.provision import place, provision, read_lock
from graph.settings import Settings, settings

JARS = {f"part-{i}": bytes([i]) * (50_000 + i) for i in range(9)}


class Repository:
    """A Maven repository on loopback: `files` by path; it can cut, damage or drop what it sends."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.cut: dict[str, int] = {}
        self.ignores_ranges = False
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    def __init__(self, repository: Repository, *args: object) -> None:
        self.repository = repository
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        repository = self.repository
        with repository.lock:
            repository.asked[self.path] += 1
            body = repository.files.get(self.path)
            cut = repository.cut.pop(self.path, None)
        if body is None:
            self.send_error(404)
            return
        start, wanted = 0, self.headers.get("Range")
        if wanted and not repository.ignores_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            repository.ranges.append(self.path)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start : cut if cut is not None else len(body)])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def repository() -> Iterator[tuple[Repository, str]]:
    repository = Repository()
    for name, body in JARS.items():
        repository.files[f"/org/example/{name}/1.0/{name}-1.0.jar"] = body
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, repository))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield repository, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    jars = [
        {
            "coordinates": f"org.example:{name}:1.0",
            "folder": "lib" if i % 2 else "plugins",
            "name": f"{name}-1.0.jar",
            "size": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        for i, (name, body) in enumerate(JARS.items())
    ]
    path = tmp_path / "test.lock"
    path.write_text(json.dumps({"jars": jars}))
    return path


def _settings(tmp_path: Path, address: str) -> Settings:
    return settings().model_copy(update={"cache": tmp_path / "cache", "maven_mirror": address})


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sleep", lambda _: None)


def _holds_all(home: Path, lock: Path) -> bool:
    found = {p.name: p.read_bytes() for folder in ("lib", "plugins") for p in (home / folder).iterdir()}
    return found == {f"{name}-1.0.jar": body for name, body in JARS.items()}


def test_fetches_once(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    server, address = repository
    config = _settings(tmp_path, address)
    home = provision(config, lock=lock)
    assert _holds_all(home, lock)
    assert (home / "lib" / "part-1-1.0.jar").exists()
    assert (home / "plugins" / "part-0-1.0.jar").exists()
    assert provision(config, lock=lock) == home
    assert set(server.asked.values()) == {1}


def test_goes_on_where_it_broke_off(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    server, address = repository
    path = "/org/example/part-3/1.0/part-3-1.0.jar"
    server.cut[path] = 20_000
    home = provision(_settings(tmp_path, address), lock=lock)
    assert _holds_all(home, lock)
    assert server.asked[path] == 2
    assert server.ranges == [path]


def test_goes_on_after_a_crash(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    server, address = repository
    config = _settings(tmp_path, address)
    missing = "/org/example/part-5/1.0/part-5-1.0.jar"
    body = server.files.pop(missing)
    with pytest.raises(UnavailableError) as error:
        provision(config, lock=lock)
    assert "part-5-1.0.jar" in str(error.value)
    assert "SHOAL_MAVEN_MIRROR" in str(error.value)
    home = place(config, lock)
    assert not (home / "complete").exists()
    kept = [p.name for folder in ("lib", "plugins") for p in (home / folder).glob("*.jar")]
    before = Counter(server.asked)
    server.files[missing] = body
    (home / ".parts" / "part-5-1.0.jar").write_bytes(body[:777])
    assert _holds_all(provision(config, lock=lock), lock)
    again = server.asked - before
    assert not {p for p in again if p.rsplit("/", 1)[1] in kept}
    assert missing in server.ranges


def test_a_repository_without_ranges(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    server, address = repository
    server.ignores_ranges = True
    server.cut["/org/example/part-3/1.0/part-3-1.0.jar"] = 20_000
    assert _holds_all(provision(_settings(tmp_path, address), lock=lock), lock)


def test_damaged_once_is_fetched_again(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    _server, address = repository
    config = _settings(tmp_path, address)
    parts = place(config, lock) / ".parts"
    parts.mkdir(parents=True)
    (parts / "part-2-1.0.jar").write_bytes(b"?" * len(JARS["part-2"]))  # the right size, the wrong bytes
    assert _holds_all(provision(config, lock=lock), lock)


def test_other_bytes_than_locked_are_refused(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    server, address = repository
    path = "/org/example/part-2/1.0/part-2-1.0.jar"
    server.files[path] = b"!" * len(JARS["part-2"])
    config = _settings(tmp_path, address)
    with pytest.raises(InputError, match=r"part-2-1\.0\.jar: received sha256"):
        provision(config, lock=lock)
    assert server.asked[path] == 2
    assert not (place(config, lock) / "plugins" / "part-2-1.0.jar").exists()
    assert not (place(config, lock) / "complete").exists()


def test_a_jar_that_vanished_or_rotted_comes_back(
    repository: tuple[Repository, str], tmp_path: Path, lock: Path
) -> None:
    _server, address = repository
    config = _settings(tmp_path, address)
    home = provision(config, lock=lock)
    (home / "lib" / "part-1-1.0.jar").unlink()
    assert _holds_all(provision(config, lock=lock), lock)
    (home / "lib" / "part-1-1.0.jar").write_bytes(b"?" * len(JARS["part-1"]))
    assert _holds_all(provision(config, lock=lock, verify=True), lock)


def test_offline(tmp_path: Path, lock: Path) -> None:
    with pytest.raises(UnavailableError) as error:
        provision(_settings(tmp_path, "http://127.0.0.1:9"), lock=lock)
    assert "9 of 9 jars are missing" in str(error.value)
    assert "SHOAL_MAVEN_MIRROR" in str(error.value)


def test_two_at_once(repository: tuple[Repository, str], tmp_path: Path, lock: Path) -> None:
    server, address = repository
    config = _settings(tmp_path, address)
    homes: list[Path] = []
    threads = [threading.Thread(target=lambda: homes.append(provision(config, lock=lock))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(homes) == 3
    assert len(set(homes)) == 1
    assert _holds_all(homes[0], lock)
    assert set(server.asked.values()) == {1}


def test_the_committed_lock() -> None:
    jars = read_lock()
    assert len({(jar.folder, jar.name) for jar in jars}) == len(jars)
    assert {jar.folder for jar in jars} == {"lib", "plugins"}
    assert {"neo4j-browser", "neo4j-server", "proc"} <= {jar.coordinates.split(":")[1] for jar in jars}
    libraries = [":".join(jar.coordinates.split(":")[:2]) for jar in jars if jar.coordinates.count(":") == 2]
    assert len(set(libraries)) == len(libraries)  # one version of each on the class path
    assert not [jar for jar in jars if jar.coordinates.split(":")[0] in ("junit", "org.mockito")]
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
