"""The repository as a tree with one line a file, for the README (`make docs` writes it there)."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# what has no docstring of its own; a file that is neither here nor has one fails `make docs`
DESCRIBED = {
    "ingest/": "changes when a platform's export changes",
    "ingest/formats/": "one small file a source format",
    "ingest/provenance/": "what media say of where they come from: one small file a container and a kind of marker",
    "ingest/simulation/": "the parts of the simulated platform",
    "ingest/simulation/vocabulary.json": "what its texts are put together from",
    "graph/": "changes when what we store, or what counts as coordination, changes",
    "graph/browser/": "favourites, guide and style for Neo4j Browser",
    "graph/cypher/": "one Cypher statement a file",
    "graph/neo4j.lock": "every jar of Neo4j, GDS and Browser: coordinates, size, SHA-256",
    "graph/peers/": "the networks that CooRTweet and the coordination-network-toolkit make, exactly",
    "graph/self_revealing.json": "phrases in which a language model speaks of itself, by language",
    "graph/sql/": "one SQL statement a file",
    "graph/templates/": "the pages of the report and of the windows",
    "gnn/": "changes when the model changes",
    "gnn/sql/": "one SQL statement a feature family",
    "gnn/text/": "the optional classifier of texts: normal form, corpus, model, file, evaluation, commands",
    "api/": "changes when who may do what changes",
    "api/migrations/": "the decision store's schema, version by version",
    "api/policies/": "the policy that ships: copy it, and make it yours",
    "api/routes/": "one file a group of addresses",
    "api/sql/": "what a publication reads from a run",
    "bench/": "benchmarks against peers and limits, run by hand",
    "bench/README.md": "how to run them",
    "bench/requirements.in": "peers and limits that are measured against",
    "bench/requirements.lock": "the same with everything they need, and hashes",
    "docs/": "tutorial, how-to, reference (generated), decisions, model card",
    "tests/": "mirrors the four packages, plus the whole flow",
    ".ci/": "run: installs Debian packages that tests can use, then everything must pass",
    "Makefile": "install, demo, test, check, docs, lock",
    "pyproject.toml": "dependencies, lint, types, import contracts",
    "requirements.lock": "every Python package with its hashes, and no addresses",
    "Dockerfile": "the images `api` (no torch) and `jobs`",
    "docker-compose.yml": "production shape: neo4j, postgres, api, worker, jobs",
    ".dockerignore": "what images are made of",
    ".gitignore": "what is never committed",
    "README.md": "this page",
    "CONTRIBUTING.md": "how to change it",
    "SECURITY.md": "the threat model, and how to report a vulnerability",
    "CHANGELOG.md": "what changed",
    "LICENSE": "Apache License 2.0",
}
ORDER = ("shoal.py", "ingest/", "graph/", "gnn/", "api/")  # as data flows; everything else follows
OPENED = (
    *ORDER,
    "ingest/formats/",
    "ingest/provenance/",
    "ingest/simulation/",
    "api/routes/",
    "bench/",
)  # folders shown file by file


def tree() -> str:
    """The repository, one line a file: descriptions are the modules' first sentences."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    files = [name for name in listed if (ROOT / name).is_file()]

    def below(folder: str) -> Iterator[str]:
        inside = [name for name in files if name.startswith(folder)]
        names = {folder + part + slash for name in inside for part, slash, _ in [name[len(folder) :].partition("/")]}
        rank = {name: place for place, name in enumerate(ORDER)}
        for name in sorted(names, key=lambda name: (rank.get(name, len(ORDER)), not name.endswith("/"), name.lower())):
            if name.endswith("__init__.py"):
                continue
            depth = name.rstrip("/").count("/")
            yield f"{'  ' * depth}{name[len(folder) :]:{26 - 2 * depth}} {described(name)}\n"
            if name in OPENED and name.endswith("/"):
                yield from below(name)

    return "".join(below(""))


def described(name: str) -> str:
    """A line about a file or folder."""
    if name in DESCRIBED:
        return DESCRIBED[name]
    text = ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8"))) if name.endswith(".py") else None
    if not text:
        raise SystemExit(f"{name}: nothing describes it; give it a docstring, or a line in docs/reference.py")
    return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".")
