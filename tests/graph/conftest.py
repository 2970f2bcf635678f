"""One real Neo4j and one real Spark for the session; each test finds them empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from typing import TYPE_CHECKING

import duckdb
import psutil
import pyarrow as pa
import pytest

from graph import embedded
from graph.engines import Connection
from graph.settings import Settings, settings
from graph.store import GraphStore, connect
from graph.workspace import Workspace

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# small tables, many statements: what compiling less saves, and one partition
HASTY = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "1",
}
Connect = Callable[[Mapping[str, pa.Table]], Connection]


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


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str, bool, str], None]) -> Iterator[SparkSession]:
    """A Spark that runs. A process has one and it is slow to start: whoever uses it stands in test_spark.py.

    Where its files lie has a name that it could misread; what the environment says to Spark does not count; and when
    it ends, process and files are gone.
    """
    need("spark", find_spec("pyspark") is not None, "the extra `spark` is not installed")
    from graph import spark_home

    scratch = tmp_path_factory.mktemp("spark") / 't [m]p {x} 100% "q" \'é\\'
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_DIRS", "/nowhere/at/all")
        patch.setenv("PYSPARK_SUBMIT_ARGS", "--master nowhere")
        with spark_home.session(heap_mb=1024, options=HASTY, scratch=scratch) as session:
            java = psutil.Process(session.sparkContext._gateway.proc.pid)
            yield session
    assert list(scratch.iterdir()) == []
    assert not java.is_running()


@pytest.fixture(params=["duckdb", "spark"])
def engine(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Makes connections that hold the given Arrow tables by name; the test runs on either engine."""
    with ExitStack() as stack:

        def connect(tables: Mapping[str, pa.Table]) -> Connection:
            connection: Connection
            if request.param == "duckdb":
                connection = stack.enter_context(duckdb.connect())
            else:
                from graph.spark import SparkConnection

                started = SparkConnection(request.getfixturevalue("spark"))
                stack.callback(started.close)
                connection = started
            for name, table in tables.items():
                connection.register(name, table)
            return connection

        yield connect
