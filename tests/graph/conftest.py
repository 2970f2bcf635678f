"""One real Neo4j for the session; each test finds it empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graph import embedded
from graph.settings import Settings, settings
from graph.store import GraphStore, connect
from graph.workspace import Workspace


@pytest.fixture(scope="session")
def small() -> Settings:
    """Settings of a small embedded server, whatever NEO4J_URI says."""
    return settings().model_copy(
        update={"neo4j_uri": None, "bolt_port": 0, "http_port": 0, "heap_mb": 768, "page_cache_mb": 64}
    )


@pytest.fixture(scope="session")
def neo4j(tmp_path_factory: pytest.TempPathFactory, small: Settings) -> Iterator[Workspace]:
    """A data folder whose Neo4j runs."""
    workspace = Workspace(tmp_path_factory.mktemp("neo4j"))
    embedded.start(workspace, small)
    yield workspace
    embedded.stop(workspace)


@pytest.fixture
def store(neo4j: Workspace, small: Settings) -> Iterator[GraphStore]:
    """An empty, prepared graph."""
    with connect(neo4j, small) as store:
        store.wipe()
        store.prepare()
        yield store
