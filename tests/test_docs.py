"""The documentation is tested: its examples run, its links lead somewhere, its lists are complete.

A block of commands that is run stands under a comment, and a file it needs under another:

    <!-- tested -->
    ```console
    $ command
    expected output, where `...` stands for anything
    ```

    <!-- file: events.csv -->
    ```csv

The blocks of a page are one session, in an empty folder, with `set -euo pipefail`. A page of NEEDS_POSTGRESQL has a
server of its own, which `psql` finds by the environment.
"""

from __future__ import annotations

import ast
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib import util
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pgkit
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LISTING = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
LISTED = subprocess.run(LISTING, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
TRACKED = [name for name in LISTED if (ROOT / name).is_file()]
PAGES = [name for name in TRACKED if name.endswith(".md")]
BLOCK = re.compile(r"^<!-- (tested|file: (\S+)) -->\n```\w+\n(.*?)\n?```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# hosts that text may name: this machine, names reserved for examples, the licence's own, and those that begin the
# names of XML namespaces, or of a schema's language, which nobody asks anything
HOSTS = re.compile(
    r"127\.0\.0\.1|localhost|\[::1\]|([\w.-]+\.)?(example|test|invalid)(\.\w+)?|www\.apache\.org|[^\x00-\x7f]\S*"
    r"|www\.w3\.org|json-schema\.org|(cv\.)?iptc\.org|ns\.adobe\.com|www\.tc260\.org\.cn|graphml\.graphdrawing\.org"
    r"|(www\.)?gexf\.net"
    r"|(\d+\.){3}\d+|\[[0-9a-f:.]+(%\w+)?\]"  # addresses are no hosts of packages
)


def blocks(page: str) -> Iterator[tuple[str | None, str]]:
    """Of each marked block: the file it makes (None: commands), and its text."""
    for match in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")):
        yield match[2], match[3]


NEEDS_POSTGRESQL = {"docs/how-to/service.md"}
TESTED = [page for page in PAGES if any(file is None for file, _ in blocks(page))]


def commands(text: str) -> list[tuple[str, str]]:
    """Each command of a block with its expected output."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> "):
            found[-1] = (f"{found[-1][0]}\n{line[2:]}", found[-1][1])
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def matches(expected: str, printed: str) -> bool:
    """Whether what was printed is what the page shows; `...` stands for anything."""
    pattern = ".*".join(re.escape(part) for part in expected.strip().split("..."))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def test_the_pages_have_examples() -> None:
    assert {"docs/how-to/ingest.md", "docs/how-to/act.md"} <= set(TESTED)


@pytest.fixture
def server(page: str, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Where `psql` finds a PostgreSQL server whose owner it is; nothing for pages that need none."""
    if page not in NEEDS_POSTGRESQL:
        yield {}
        return
    programs = request.getfixturevalue("postgresql")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = int(free.getsockname()[1])
    with pgkit.listening(programs, durable=False, port=port) as folder:
        yield {"PGHOST": str(folder), "PGPORT": str(port), "PGUSER": "shoal"}


@pytest.mark.parametrize("page", TESTED)
def test_examples_run_and_print_what_the_page_shows(page: str, server: dict[str, str], tmp_path: Path) -> None:
    script, wanted = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n", []
    for file, text in blocks(page):
        if file is not None:
            script += f"cat > {file} <<'END-OF-FILE'\n{text}\nEND-OF-FILE\n"
            continue
        for command, output in commands(text):
            script += f"printf '\\n@@ {len(wanted)}\\n'\n{command}\n"
            wanted.append((command, output))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SHOAL_", "NEO4J_"))}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    environment |= {"HOME": str(tmp_path), "SHOAL_API_PORT": "0", "PYTHONUNBUFFERED": "1", **server}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    printed = dict(enumerate(re.split(r"\n@@ \d+\n", done.stdout)[1:]))
    assert done.returncode == 0, f"{wanted[len(printed) - 1][0]}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    for number, (command, output) in enumerate(wanted):
        assert not output or matches(output, printed[number]), f"$ {command}\n{printed[number]}"


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_lead_somewhere(page: str) -> None:
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page}: {target}"
        if anchor:
            titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in slugs, f"{page}: {target}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set(), ["README.md"]
    while todo:
        page = todo.pop()
        if page in seen or not (ROOT / page).is_file() or not page.endswith(".md"):
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)\s#]+)", (ROOT / page).read_text(encoding="utf-8"))
        todo += [os.path.normpath((ROOT / page).parent.relative_to(ROOT) / link) for link in links]
    assert not {page for page in PAGES if page.startswith("docs/")} - seen


def test_tests_that_pages_name_are_there() -> None:
    named = {m.groups() for page in PAGES for m in NAMED.finditer((ROOT / page).read_text(encoding="utf-8"))}
    assert len(named) > 40
    missing = [f"{file}::{name}" for file, name in sorted(named) if f"\ndef {name}(" not in (ROOT / file).read_text()]
    assert not missing


def test_the_readmes_tree_is_the_tree() -> None:
    tree = re.search(r"```text\n(shoal\.py .*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert tree is not None
    described = {line.split()[0].rstrip("/") for line in tree[1].splitlines() if line and line[0] != " "}
    assert described == {name.split("/")[0] for name in TRACKED}


def test_no_text_names_a_host_of_packages_or_a_path_of_one_machine() -> None:
    found = []
    for name in TRACKED:
        text = (ROOT / name).read_bytes().decode(errors="replace")
        hosts = re.findall(r"(?:https?|bolt|neo4j)://(?:[^/\s@]*@)?(\[[^\]]*\]|[\w.-]+\.\w[\w.-]*)", text)
        found += [(name, host) for host in hosts if not HOSTS.fullmatch(host.rstrip("."))]
        found += [(name, path) for path in re.findall(r"[\"'= (](/(?:home|root|work)/\S*)", text)]
    assert found == []


def direct() -> dict[str, str]:
    """Direct dependencies: name to the extra that wants it (empty: core)."""
    found = {canonicalize_name(Requirement(line).name): "" for line in PROJECT["dependencies"]}
    for extra, lines in PROJECT["optional-dependencies"].items():
        found |= {canonicalize_name(Requirement(line).name): extra for line in lines}
    return found


def test_every_dependency_has_its_line() -> None:
    text = (ROOT / "docs" / "decisions" / "0007-dependencies.md").read_text()
    listed: dict[str, str] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        extra = re.match(r"Extra `(\w+)`", section)
        names = re.findall(r"^\| ([\w-]+) \| (?!what)", section, re.MULTILINE)
        listed |= dict.fromkeys(names, extra[1] if extra else "")
    assert listed == direct()


def test_every_dependency_of_the_product_is_imported() -> None:
    imported: set[str] = set()
    for name in TRACKED:
        if name.endswith(".py"):
            for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                imported |= {name.split(".")[0] for name in names}
    distributions = packages_distributions()
    present = {canonicalize_name(d) for top in imported for d in distributions.get(top, [])}
    present |= {
        "neo4j-rust-ext",  # makes the driver faster by being there
        "psycopg",  # SQLAlchemy imports it by the URL
    }
    assert {name for name, extra in direct().items() if extra != "dev"} - present == set()


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/reference.py as a module."""
    monkeypatch.syspath_prepend(ROOT / "docs")
    spec = util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_stale_reference_page_is_named(
    reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = tmp_path / "docs" / "reference"
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    monkeypatch.setattr(reference, "PAGES", pages)
    makers: dict[str, Callable[[], str]] = {"tables.md": reference.tables, "settings.md": reference.environment}
    monkeypatch.setattr(reference, "MAKERS", makers)

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["reference.py", *arguments])
        return int(reference.main())

    assert run("--check") == 1
    assert not pages.exists()
    assert run() == 0
    assert run("--check") == 0
    (pages / "tables.md").write_text("old")
    assert run("--check") == 1
    assert "stale: docs/reference/tables.md" in capsys.readouterr().err


def test_a_licence_is_read_for_every_package(reference: ModuleType) -> None:
    text: str = reference.licences()
    assert "not installed here" not in text
    assert "| torch |" in text
    unstated = re.findall(r"^\| (\S+) \| \S+ \| not stated", text, re.MULTILINE)
    assert unstated == ["cuda-toolkit"]
