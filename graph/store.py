"""Neo4j as the rest of Shoal sees it: connect, load the event log, show a run.

Everything here is a view: it can be wiped and built again from event log and run.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graph import embedded, loading, view
from graph.bulk import build, is_worth_it
from graph.console import progress
from graph.deeds import KEYS
from graph.errors import ConflictError, DeniedError, InputError, UnavailableError
from graph.loading import LoadReport
from graph.log import EventLog
from graph.runs import Run
from graph.settings import Settings
from graph.statements import cypher
from graph.workspace import Workspace

if TYPE_CHECKING:
    from neo4j import Driver

SCHEMA_VERSION = 1
UNIQUE = {**KEYS, "View": "name", "LoadedBatch": "batchId", "LoadMark": "step", "Schema": "name"}
SCORE_INDEX = "account_score"
UNIQUE_IN_VIEW = {"Run": "runId", "Cluster": "clusterId", "Network": "networkId"}
RETRY_S = 10.0
SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


class GraphStore:
    """A Neo4j database that holds Shoal's graph. Made by `connect`."""

    def __init__(self, driver: Driver, browser: str | None = None) -> None:
        self.driver, self.browser = driver, browser

    def prepare(self) -> None:
        """Make constraints and indexes. Raises ConflictError if a newer Shoal made the graph."""
        records = self.driver.execute_query(cypher("schema")).records
        version = records[0]["version"] if records else SCHEMA_VERSION
        if version > SCHEMA_VERSION:
            raise ConflictError(
                f"this Neo4j has Shoal's schema {version}, this Shoal knows {SCHEMA_VERSION}: use the newer Shoal, or "
                "`shoal load --wipe` to build the graph anew"
            )
        for statement, keys in (("constraint", UNIQUE), ("constraint_in_view", UNIQUE_IN_VIEW)):
            for label, key in keys.items():
                names = {"name": f"{label}_{key}", "label": label, "key": key}
                self.driver.execute_query(cypher(statement, **names))
        self.driver.execute_query(cypher("score_index", name=SCORE_INDEX))
        self.driver.execute_query(cypher("await_indexes"))
        self.driver.execute_query(cypher("set_schema"), version=SCHEMA_VERSION)

    def load(self, log: EventLog) -> LoadReport:
        """Load the batches of `log` that are not in yet. See graph.loading."""
        return loading.load(self.driver, log)

    def show_run(self, run: Run) -> None:
        """Show `run` instead of the run shown so far. See graph.view."""
        view.show(self.driver, run)

    def shown_run(self) -> str | None:
        """Id of the run that is shown."""
        return view.shown(self.driver)

    def show_verdicts(self, table: pa.Table) -> None:
        """Project verdicts (account_id, tier, version) onto accounts, for people to see."""
        view.show_verdicts(self.driver, table)

    def counts(self) -> dict[str, int]:
        """How many nodes by label and relationships by type."""
        return {
            record["name"]: record["n"]
            for statement in ("count_nodes", "count_relationships")
            for record in self.driver.execute_query(cypher(statement)).records
        }

    def holds_only(self, labels: Iterable[str]) -> bool:
        """Whether every node has one of these of Shoal's labels, and nobody has made an index of their own."""
        count = self.driver.execute_query(cypher("count_all")).records[0]["n"]
        for label in labels:
            count -= self.driver.execute_query(cypher("count_label", label=label)).records[0]["n"]
        names = [f"{label}_{key}" for label, key in {**UNIQUE, **UNIQUE_IN_VIEW}.items()]
        foreign = self.driver.execute_query(cypher("foreign_indexes"), names=[*names, SCORE_INDEX]).records
        return count == 0 and not foreign

    def wipe(self) -> None:
        """Delete all that Shoal wrote, and nothing else. Killed half-way, the next load writes all again."""
        with progress("Emptying Neo4j"), self.driver.session() as session:
            # first the marks that say that something is whole
            for label in ("LoadedBatch", "LoadMark", "View", *UNIQUE, *UNIQUE_IN_VIEW):
                session.run(cypher("wipe_nodes", label=label)).consume()


@contextmanager
def connect(workspace: Workspace, settings: Settings, *, keep: bool = False) -> Iterator[GraphStore]:
    """Open Neo4j: the one that NEO4J_URI names, or the data folder's own, started if need be.

    Args:
        workspace: the data folder.
        settings: with `neo4j_uri`, nothing is started.
        keep: leave a server that this call started running.

    Raises:
        DeniedError: NEO4J_URI's server refuses the credentials.
        UnavailableError: it does not answer, lacks GDS, or went away while it was used.
    """
    if settings.neo4j_uri:
        password = settings.neo4j_password.get_secret_value() if settings.neo4j_password else None
        auth = (settings.neo4j_username, password) if password is not None else None
        with _open(settings.neo4j_uri, auth, None) as store:
            _check(store, settings.neo4j_uri)
            yield store
        return
    started = embedded.find(workspace) is None
    server = embedded.start(workspace, settings)
    try:
        with _open(server.uri, (server.username, server.password), server.browser) as store:
            yield store
    finally:
        if started and not keep:
            embedded.stop(workspace)


@contextmanager
def loaded(
    workspace: Workspace, settings: Settings, *, keep: bool = False, wipe: bool = False, bulk: bool | None = None
) -> Iterator[tuple[GraphStore, LoadReport]]:
    """Open Neo4j (see `connect`) with the whole event log in it. The caller holds `workspace.writing()`.

    An embedded Neo4j that is empty is filled by bulk import where the log is large (graph.bulk), else in transactions
    (graph.loading); the graph is the same.

    Args:
        workspace: the data folder.
        settings: with `neo4j_uri`, nothing is started, and never a bulk import made.
        keep: leave a server that this call started running.
        wipe: drop what Neo4j holds first.
        bulk: insist on bulk import, or forbid it (default: as it pays).

    Raises:
        ConflictError: bulk import is insisted on where it cannot be had; see also `connect` and graph.loading.load.
    """
    started = embedded.find(workspace) is None
    report = None
    try:
        if bulk or (bulk is None and settings.neo4j_uri is None and is_worth_it(workspace.log)):
            report, settings = _fill(workspace, settings, wipe=wipe)
            if bulk and report is None:
                where = settings.neo4j_uri or workspace.neo4j
                raise ConflictError(
                    f"bulk import needs an embedded Neo4j that is empty, and {where} is none: "
                    "`shoal load --wipe --bulk` drops what Shoal wrote there first"
                )
        with connect(workspace, settings, keep=True) as store:
            if wipe and report is None:
                store.wipe()
            store.prepare()
            yield store, report or store.load(workspace.log)
    finally:
        if started and not keep and settings.neo4j_uri is None:
            embedded.stop(workspace)


def _fill(workspace: Workspace, settings: Settings, *, wipe: bool) -> tuple[LoadReport | None, Settings]:
    """Fill an embedded Neo4j by bulk import; nothing, if that would lose what is in it.

    Returns what was loaded, and the settings with which the server is found where it was.
    """

    def is_free() -> bool:
        if not embedded.has_database(workspace):
            return True
        with connect(workspace, settings, keep=True) as store:
            return store.holds_only((*UNIQUE, *UNIQUE_IN_VIEW) if wipe else ("Schema",))

    if settings.neo4j_uri or not is_free():
        return None, settings
    staged, report = build(workspace, settings, workspace.log, SCHEMA_VERSION)
    if not is_free():  # somebody began to work in it meanwhile
        shutil.rmtree(staged)
        return None, settings
    return report, settings.model_copy(update=embedded.replace(workspace, staged))


@contextmanager
def _open(uri: str, auth: tuple[str, str] | None, browser: str | None) -> Iterator[GraphStore]:
    from neo4j import GraphDatabase, NotificationMinimumSeverity
    from neo4j.exceptions import AuthError, ConfigurationError, ServiceUnavailable, SessionExpired

    options: dict[str, Any] = {
        "notifications_min_severity": NotificationMinimumSeverity.OFF,
        "warn_notification_severity": NotificationMinimumSeverity.OFF,
        "max_transaction_retry_time": RETRY_S,
        "user_agent": "shoal",
    }
    if uri.partition("://")[0] not in SCHEMES:
        raise InputError(f"NEO4J_URI {uri!r} cannot be used: expected an address that begins with bolt:// or neo4j://")
    try:
        driver = GraphDatabase.driver(uri, auth=auth, **options)
    except (ConfigurationError, ValueError) as error:
        raise InputError(f"NEO4J_URI {uri!r} cannot be used: {error}") from error
    try:
        with driver:
            yield GraphStore(driver, browser)
    except AuthError as error:
        raise DeniedError(f"Neo4j at {uri} refuses these credentials: check NEO4J_USERNAME, NEO4J_PASSWORD") from error
    except (ServiceUnavailable, SessionExpired) as error:
        raise UnavailableError(
            f"Neo4j at {uri} does not answer: {error}. What was written before is kept; the same command goes on there"
        ) from error


def _check(store: GraphStore, uri: str) -> None:
    from neo4j.exceptions import ClientError

    store.driver.verify_connectivity()
    try:
        store.driver.execute_query(cypher("gds_version"))
    except ClientError as error:
        raise UnavailableError(f"Neo4j at {uri} has no Graph Data Science (GDS); install its plugin there") from error
