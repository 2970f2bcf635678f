"""The architecture is a failing test: the contracts of pyproject.toml hold, and each of them can fail.

A planted import shows that a contract can fail: the packages are copied, one line is added, and exactly
the contract meant must break. A new contract without a planted import fails `test_every_contract_is_tried`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
PACKAGES = ("graph", "gnn", "api", "ingest")


LAYERS, ENGINES, TORCH, WEB, COMPOSITION, CYCLES = (
    "Everything meets at the graph",
    "Only graph imports the graph engines",
    "Only gnn imports torch",
    "Only api imports fastapi and sqlalchemy",
    "Nobody imports the composition root",
    "The rooms of each package have no cycles",
)
ABOVE = ("ingest", "gnn", "api")


@dataclass(frozen=True)
class Planted:
    """Modules to add to the copy, the one contract they break, and the imports its report must name."""

    modules: dict[str, str]
    breaks: str
    named: tuple[str, ...]


def importing(package: str, names: list[str], breaks: str) -> Planted:
    """A module of `package` that imports all of these."""
    text = "".join(f"import {name}\n" for name in names)
    return Planted({f"{package}/planted.py": text}, breaks, tuple(f"{package}.planted -> {name}" for name in names))


def forbidden(name: str) -> list[Planted]:
    """For each package that a forbidden contract holds back: everything it must not import."""
    contract = next(c for c in CONTRACTS if c["name"] == name)
    return [importing(package, contract["forbidden_modules"], name) for package in contract["source_modules"]]


def circle(package: str) -> Planted:
    """Two modules of a package that import each other."""
    modules = {f"{package}/left.py": f"import {package}.right\n", f"{package}/right.py": f"import {package}.left\n"}
    return Planted(modules, CYCLES, (f"No cycles are allowed in {package}.",))


PLANTED = [
    *(importing(package, [other for other in ABOVE if other != package], LAYERS) for package in (*ABOVE, "graph")),
    *(planted for name in (ENGINES, TORCH, WEB, COMPOSITION) for planted in forbidden(name)),
    *(circle(package) for package in PACKAGES),
    # an import inside a function counts too
    Planted({"gnn/planted.py": "def late() -> None:\n    import neo4j\n"}, ENGINES, ("gnn.planted -> neo4j",)),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages and pyproject.toml, to plant imports in."""
    folder = tmp_path_factory.mktemp("contracts")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copy(ROOT / "shoal.py", folder)
    return folder


@pytest.fixture
def planted(copy: Path, request: pytest.FixtureRequest) -> Iterator[Planted]:
    """A violation in the copy, taken back afterwards."""
    violation: Planted = request.param
    for name, text in violation.modules.items():
        (copy / name).write_text(text)
    yield violation
    for name in violation.modules:
        (copy / name).unlink()


def lint(folder: Path) -> tuple[int, str, list[str]]:
    """Run lint-imports: its exit status, what it says in one line, the contracts broken."""
    linter = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "1000", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([linter, "--no-cache"], cwd=folder, env=environment, capture_output=True, text=True)
    said = " ".join(done.stdout.split())
    told = {c["name"]: re.search(re.escape(c["name"]) + r" (KEPT|BROKEN)", said) for c in CONTRACTS}
    assert all(told.values()), done.stdout + done.stderr
    return done.returncode, said, [name for name, match in told.items() if match and match[1] == "BROKEN"]


def test_the_contracts_hold() -> None:
    status, said, broken = lint(ROOT)
    assert status == 0, said
    assert broken == []


def test_every_contract_is_tried() -> None:
    tried = {violation.breaks for violation in PLANTED}
    assert len(tried) == len(CONTRACTS)
    assert all(any(contract["name"].startswith(name) for name in tried) for contract in CONTRACTS)


def test_the_copy_breaks_nothing_by_itself(copy: Path) -> None:
    status, said, _ = lint(copy)
    assert status == 0, said


@pytest.mark.parametrize(
    "planted", PLANTED, indirect=True, ids=lambda p: f"{p.breaks.split(':')[0]}: {', '.join(p.modules)}"
)
def test_a_planted_import_breaks_exactly_its_contract(planted: Planted, copy: Path) -> None:
    status, said, broken = lint(copy)
    assert status == 1
    assert [name.startswith(planted.breaks) for name in broken] == [True]
    for words in planted.named:
        assert words in said
