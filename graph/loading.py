"""Loading the event log into Neo4j: one relationship an account, kind and object, with count and times.

Only batches that are not in yet are loaded, and a batch counts as in when everything before it is. What
is written are absolute values, computed over the whole log for every key such a batch touches. So a load
that was killed goes on about where it was and repeats a little without harm, and loading in steps gives the
same graph as loading at once, or as bulk import (graph.bulk).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString

from graph.console import Advance, progress
from graph.deeds import DEEDS, KEYS, REGISTRATIONS, prepare
from graph.errors import ConflictError
from graph.files import digest_of
from graph.log import EventLog
from graph.statements import cypher, sql

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from neo4j import Driver

NODE_BATCH = 10_000
RELATION_BATCH = 5_000
MARK_EVERY = 100_000  # rows of a step after which it is marked how far it is: some ten seconds of work

Rows = list[list[Any]]


@dataclass(frozen=True)
class LoadReport:
    """What a load did. `nodes` and `relationships` count what was written, new or not."""

    batches: int
    nodes: int
    relationships: int
    bulk: bool = False  # by bulk import

    def __str__(self) -> str:
        if not self.batches:
            return "Neo4j holds the whole event log already"
        batches = "1 batch" if self.batches == 1 else f"{self.batches} batches"
        how = " by bulk import" if self.bulk else ""
        return f"{batches} loaded: {self.nodes:,} nodes and {self.relationships:,} relationships written{how}"


def load(driver: Driver, log: EventLog) -> LoadReport:
    """Load every batch of `log` that is not in yet.

    Raises:
        ConflictError: the database holds batches of another log.
    """
    batches = log.batches()
    loaded = {record["batch_id"] for record in driver.execute_query(cypher("loaded_batches")).records}
    foreign = loaded - {b.batch_id for b in batches}
    if foreign:
        raise ConflictError(
            f"this Neo4j was loaded from another event log: {len(foreign)} of its batches are not in {log.root}; "
            "`shoal load --wipe` drops what it holds and builds it anew"
        )
    fresh = [b for b in batches if b.batch_id not in loaded]
    if not fresh:
        return LoadReport(0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="shoal-load-") as scratch, log.connect() as connection:
        connection.execute("SET temp_directory = $folder", {"folder": scratch})
        with progress("Reading the event log for Neo4j"):
            prepare(connection, log, batches, fresh)
        nodes, relationships = _Load(driver, connection, digest_of([b.batch_id for b in fresh])).run()
    driver.execute_query(cypher("mark_loaded"), ids=[b.batch_id for b in fresh])
    return LoadReport(len(fresh), nodes, relationships)


class _Load:
    """One load: all nodes, then all relationships, in sorted order, a batch a transaction.

    Marks in the database tell how far each step is, so that the load of the same batches goes on there if it is killed.
    """

    def __init__(self, driver: Driver, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        self.driver, self.connection, self.name = driver, connection, name
        marks = driver.execute_query(cypher("load_marks"), load=name).records
        self.marks: dict[str, int] = {mark["step"]: mark["rows"] for mark in marks}
        kinds = self.connection.execute("SELECT DISTINCT what FROM deeds").fetchall()
        present = {row[0] for row in kinds}
        self.deeds = {what: names for what, names in DEEDS.items() if what in present}
        self.absent = {kind for kind, _ in self.deeds.values() if self._is_absent(kind)}

    def run(self) -> tuple[int, int]:
        """Returns nodes and relationships written."""
        with progress("Loading nodes into Neo4j", self._count("nodes")) as advance:
            nodes = self._nodes("Account", "Account", self._read("deed_accounts"), advance)
            for what, (_, label) in self.deeds.items():
                if label != "Account":
                    nodes += self._nodes(what, label, self._read("deed_nodes", {"what": what}), advance)
        self._thin()
        self._facts(self._read("account_facts"))
        with progress("Loading relationships into Neo4j", self._count("relations")) as advance:
            relations = sum(self._relations(what, *names, advance) for what, names in self.deeds.items())
        return nodes, relations

    def _count(self, what: str) -> int:
        text = {"nodes": "SELECT count(DISTINCT (what, object)) FROM deeds", "relations": "SELECT count(*) FROM deeds"}
        return int(self.connection.execute(text[what]).fetchall()[0][0])

    def _nodes(self, step: str, label: str, batches: Iterator[pa.RecordBatch], advance: Advance) -> int:
        return self._step(f"nodes {step}", cypher("merge_nodes", label=label, key=KEYS[label]), batches, advance)

    def _relations(self, what: str, kind: str, label: str, advance: Advance) -> int:
        names = {"type": kind, "label": label, "key": KEYS[label]}
        # making is twice as fast as looking first, and safe only where there is nothing to find
        verb = "create" if kind in self.absent else "merge"
        statement = cypher(f"{verb}_acted_on" if what == "object" else f"{verb}_relations", **names)
        rows = self._read("deed_relations", {"what": what}, RELATION_BATCH)
        return self._step(f"relations {what}", statement, rows, advance)

    def _step(self, step: str, statement: LiteralString, batches: Iterator[pa.RecordBatch], advance: Advance) -> int:
        """Write the rows of a step that are not written yet; returns how many there are in all."""
        done = marked = self.marks.get(step, 0)
        advance(done)
        seen = 0
        for batch in batches:
            fresh = batch.slice(max(done - seen, 0))
            seen += batch.num_rows
            if not fresh.num_rows:
                continue
            self._write(statement, _rows(fresh))
            advance(fresh.num_rows)
            done = seen
            if done - marked >= MARK_EVERY:
                self.driver.execute_query(cypher("set_load_mark"), load=self.name, step=step, rows=done)
                marked = done
        return done

    def _is_absent(self, kind: str) -> bool:
        record = self.driver.execute_query(cypher("count_type", type=kind)).records[0]
        return not record["n"]

    def _thin(self) -> None:
        """Say on dense nodes what they do not have, and take away what they got before they were dense."""
        groups = self.connection.execute("SELECT DISTINCT label, property FROM left_out ORDER BY ALL").fetchall()
        for label, name in groups:
            statement = cypher("set_left_out", label=label, key=KEYS[label], property=name)
            for batch in self._read("left_out_rows", {"label": label, "property": name}):
                self._write(statement, _rows(batch))
        dense = self.connection.execute("SELECT what, side, node FROM dense ORDER BY ALL").fetchall()
        for what, side, node in dense:
            kind, label = {**DEEDS, **REGISTRATIONS}[what]
            if side == "by":
                statement = cypher("thin_object", type=kind, label=label, key=KEYS[label])
            else:
                statement = cypher("thin_account", type=kind, label=label)
            while self.driver.execute_query(statement, node=node, size=NODE_BATCH).records[0]["n"] == NODE_BATCH:
                pass

    def _facts(self, batches: Iterator[pa.RecordBatch]) -> None:
        for batch in batches:
            rows = _rows(batch)
            self._write(cypher("set_accounts"), rows)
            for label, column in (("Client", 4), ("Device", 5)):
                pairs = [[row[0], row[column]] for row in rows]
                named = [pair for pair in pairs if pair[1] is not None]
                names = {"label": label, "key": KEYS[label]}
                self._write(cypher("drop_registrations", **names), pairs)
                self._write(cypher("merge_nodes", **names), [[name] for name in sorted({pair[1] for pair in named})])
                self._write(cypher("merge_registrations", **names), named)

    def _write(self, statement: LiteralString, rows: Rows) -> None:
        if rows:
            self.driver.execute_query(statement, rows=rows)

    def _read(
        self, statement: str, given: dict[str, str] | None = None, size: int = NODE_BATCH
    ) -> Iterator[pa.RecordBatch]:
        reader: pa.RecordBatchReader = self.connection.sql(sql(statement), params=given or {}).to_arrow_reader(size)
        for batch in reader:
            for start in range(0, batch.num_rows, size):
                yield batch.slice(start, size)


def _rows(batch: pa.RecordBatch) -> Rows:
    return [list(row) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]
