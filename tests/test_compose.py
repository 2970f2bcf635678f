"""The production shape: what docker-compose.yml and the Dockerfile promise, checked without a daemon."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Callable
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
LONG_RUNNING = [name for name, service in SERVICES.items() if "profiles" not in service]
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("shoal-")]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_services_are_those_of_the_design() -> None:
    assert set(SERVICES) == {"neo4j", "postgres", "api", "worker", "jobs"}


def test_docker_takes_the_file(need: Callable[[str, bool, str], None], tmp_path: Path) -> None:
    docker = shutil.which("docker")
    has = docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0
    need("docker-compose", has, "no `docker compose` on this machine")
    assert docker is not None
    command = [docker, "compose", "--file", ROOT / "docker-compose.yml", "--profile", "jobs", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", LONG_RUNNING)
def test_every_long_running_service_says_how_it_is(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert {"interval", "timeout", "retries"} <= check.keys()
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_limits_and_privileges(name: str) -> None:
    service = SERVICES[name]
    assert {"cpus", "memory", "pids"} <= service["deploy"]["resources"]["limits"].keys()
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & service.keys()
    assert "docker.sock" not in str(service)
    if name in OURS:
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert int(service["user"].split(":")[0]) > 0


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_bound_to_loopback(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert str(port).startswith("127.0.0.1:")


def test_the_database_is_not_published_and_cannot_be_reached_from_outside() -> None:
    assert "ports" not in SERVICES["postgres"]
    assert SERVICES["postgres"]["networks"] == ["back"]
    assert COMPOSE["networks"]["back"]["internal"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files_and_nothing_has_a_default_password(name: str) -> None:
    service = SERVICES[name]
    for variable, value in service.get("environment", {}).items():
        if re.search("PASS|AUTH|SECRET|TOKEN|DATABASE_URL", variable) and variable != "POSTGRES_INITDB_ARGS":
            assert variable.endswith("_FILE")
            assert str(value).startswith("/run/secrets/")
            assert Path(value).name in service["secrets"]
    for secret in service.get("secrets", []):
        assert COMPOSE["secrets"][secret].keys() == {"file"}
    # a variable with a default would be a way to a known password
    assert not re.search(r"\$\{[^}]*(PASS|AUTH|SECRET|TOKEN|URL)[^}]*:?-", str(service))


def test_images_are_pinned_to_versions() -> None:
    images = [service["image"] for service in SERVICES.values()] + re.findall(
        r"^ARG PYTHON=(\S+)", DOCKERFILE, re.MULTILINE
    )
    for image in images:
        assert re.search(r":\d+(\.\d+)+", image), image
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {SERVICES[name]["image"].split(":")[1] for name in OURS} == {version}


def test_neo4j_is_the_version_that_runs_embedded() -> None:
    lock = (ROOT / "graph" / "neo4j.lock").read_text()
    embedded = re.search(r"org\.neo4j\.app:neo4j-server:([\d.]+)", lock)
    assert embedded is not None
    assert SERVICES["neo4j"]["image"] == f"neo4j:{embedded[1]}"


def test_uv_is_the_version_of_the_makefile() -> None:
    made = re.search(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert made is not None
    assert f"ARG UV_VERSION={made[1]}\n" in DOCKERFILE


def test_settings_read_the_secrets_where_compose_puts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from graph.settings import settings

    for name in ("NEO4J_PASSWORD", "SHOAL_NEO4J_PASSWORD", "SHOAL_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    secrets = {name for service in OURS for name in SERVICES[service]["secrets"]}
    for name in secrets:
        (tmp_path / name).write_text(f"value of {name}\n")
    monkeypatch.setenv("SHOAL_SECRETS_DIR", str(tmp_path))
    read = settings()
    told = {s.get_secret_value().strip() for s in (read.neo4j_password, read.database_url) if s is not None}
    assert told == {f"value of {name}" for name in secrets}


def test_the_api_image_is_built_without_torch() -> None:
    wanted = re.search(r"^FROM build AS build-api\nRUN install-locked (.+)$", DOCKERFILE, re.MULTILINE)
    assert wanted is not None
    assert wanted[1] == "--extra api"
    assert re.search(r"^FROM run AS api\nCOPY --from=build-api ", DOCKERFILE, re.MULTILINE)
    assert SERVICES["api"]["build"]["target"] == "api"
    assert SERVICES["worker"]["image"] == SERVICES["api"]["image"]
    heavy = {"torch", "torch-geometric", "scikit-learn"}
    assert heavy <= needed({"api", "gnn"})
    assert not heavy & needed({"api"})


def needed(extras: set[str]) -> set[str]:
    """Everything that Shoal with these extras needs, by the installed packages' metadata."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[tuple[str, str]] = set()
    todo: list[tuple[str, str]] = [("shoal", extra) for extra in ("", *extras)]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for line in requires(name) or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                if requirement.name.lower() in ("triton", "cuda-bindings"):
                    continue  # overridden away in pyproject.toml
                todo += [(canonicalize_name(requirement.name), below) for below in ("", *requirement.extras)]
    return {name for name, _ in found}


def test_the_images_take_versions_and_hashes_from_the_lock(tmp_path: Path) -> None:
    line = next(line for line in DOCKERFILE.splitlines() if line.startswith("awk 'NR == FNR"))
    lock = ROOT / "requirements.lock"
    (tmp_path / "requirements.lock").write_bytes(lock.read_bytes())
    pinned = dict(re.findall(r"^(fastapi|click)==(\S+)", lock.read_text(), re.MULTILINE))
    wanted = [f"{name}=={version}" for name, version in pinned.items()]
    (tmp_path / "wanted.txt").write_text("\n".join([*wanted, "absent==1.0"]) + "\n")
    subprocess.run(["sh", "-euc", line], cwd=tmp_path, check=True)
    picked = (tmp_path / "picked.lock").read_text()
    assert len(wanted) == 2
    assert sorted(re.findall(r"^[a-z]\S+", picked, re.MULTILINE)) == sorted(wanted)
    blocks = re.split(r"\n(?=[a-z])", picked.strip())
    assert all("--hash=sha256:" in block and block in lock.read_text() for block in blocks)
    assert "--require-hashes picked.lock" in DOCKERFILE


def test_the_wheel_in_the_images_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("api", "gnn", "graph", "ingest"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "shoal.py"):
        shutil.copy(ROOT / name, source)
    build = "from setuptools.build_meta import build_wheel; build_wheel('wheels')"
    (source / "wheels").mkdir()
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    wheel = next((source / "wheels").glob("*.whl"))
    tracked = subprocess.run(
        ["git", "ls-files", "api", "gnn", "graph", "ingest", "shoal.py"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    assert tracked
    assert set(tracked) <= set(zipfile.ZipFile(wheel).namelist())


def test_the_build_context_holds_no_secrets_and_no_data() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert lines[0] == "*"
    copied = set(re.findall(r"^COPY (?!-)(.+) \S+$", DOCKERFILE, re.MULTILINE))
    wanted = {name for names in copied for name in names.split()}
    assert wanted == {line[1:] for line in lines if line.startswith("!")}


def test_the_workers_health_is_the_age_of_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from api import outbox
    from api.store import open_store, upgrade, writing

    program = SERVICES["worker"]["healthcheck"]["test"][3]
    monkeypatch.setenv("SHOAL_DIR", str(tmp_path))
    monkeypatch.delenv("SHOAL_DATABASE_URL", raising=False)
    monkeypatch.delenv("SHOAL_SECRETS_DIR", raising=False)
    engine = open_store(tmp_path)
    upgrade(engine)

    def well() -> int:
        return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True).returncode

    assert well() == 0
    now = round(time.time() * 1e6)
    with writing(engine) as tx:
        outbox.send(tx, [outbox.Event("label", outbox.LABEL, {})], now - 3_600_000_000)
        outbox.send(tx, [outbox.Event("new", outbox.ENFORCEMENT, {})], now)
    assert well() == 0
    with writing(engine) as tx:
        outbox.send(tx, [outbox.Event("old", outbox.ENFORCEMENT, {})], now - 3_600_000_000)
    assert well() == 1
    engine.dispose()
