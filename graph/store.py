"""Neo4j as the rest of Shoal sees it: connect, load the event log, show a run.

Everything here is a view: it can be wiped and built again from event log and run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graph import embedded, loading, view
from graph.console import progress
from graph.errors import ConflictError, DeniedError, InputError, UnavailableError
from graph.loading import KEYS, LoadReport
from graph.log import EventLog
from graph.runs import Run
from graph.settings import Settings
from graph.statements import cypher
from graph.workspace import Workspace

if TYPE_CHECKING:
    from neo4j import Driver

SCHEMA_VERSION = 1
UNIQUE = {**KEYS, "View": "name", "LoadedBatch": "batchId", "Schema": "name"}
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
        self.driver.execute_query(cypher("score_index"))
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

    def wipe(self) -> None:
        """Delete all that Shoal wrote, and nothing else. Killed half-way, the next load writes all again."""
        with progress("Emptying Neo4j"), self.driver.session() as session:
            # first the marks that say that something is whole
            for label in ("LoadedBatch", "View", *UNIQUE, *UNIQUE_IN_VIEW):
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
