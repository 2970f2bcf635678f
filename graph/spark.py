"""Spark in the place of DuckDB: the same statements, the same integers.

`SparkConnection` has the shape of graph.engines.Connection. A temporary table is a view whose rows Spark keeps, in
memory as far as they fit and else in its temporary files, until the table is made anew or the connection is closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from graph import spark_home
from graph.dialect import for_spark
from graph.log import EventLog
from graph.model import LOG_TABLES, Table

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LAST = """
SELECT * EXCEPT (place) FROM (
    SELECT *, row_number() OVER (PARTITION BY account_id ORDER BY file DESC, row DESC) AS place FROM {rows}
) WHERE place = 1
"""


class SparkResult:
    """The rows of one query; asked for when they are read, in the query's order."""

    def __init__(self, frame: DataFrame, scratch: Path | None = None) -> None:
        self._frame = frame
        self._scratch = scratch

    def to_arrow_table(self) -> pa.Table:
        """The rows as an Arrow table."""
        return self._frame.toArrow()

    def to_arrow_reader(self, batch_size: int = 1 << 18, /) -> pa.RecordBatchReader:
        """The rows in batches of so many (the last may have fewer), as DuckDB gives them.

        Not held whole, here or in Spark: they lie in temporary files until they are read.
        """
        schema = self._frame.limit(0).toArrow().schema
        return pa.RecordBatchReader.from_batches(schema, self._through_files(schema, batch_size))

    def _through_files(self, schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
        if self._scratch is not None:
            self._scratch.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="shoal-rows-", dir=self._scratch) as folder:
            self._frame.write.parquet(f"{folder}/rows", compression="zstd")
            # one file a partition, numbered in the query's order
            yield from _batches(sorted(Path(folder, "rows").glob("part-*.parquet")), schema, size)

    def df(self) -> pd.DataFrame:
        """The rows as a data frame, with the types that DuckDB gives."""
        frame: pd.DataFrame = self.to_arrow_table().to_pandas()
        return frame

    def fetchall(self) -> list[Any]:
        """The rows as tuples."""
        return [tuple(row) for row in self._frame.collect()]


class SparkConnection:
    """Statements in DuckDB's dialect on a Spark session.

    Each connection has tables of its own; several may share one Spark.
    """

    def __init__(self, session: SparkSession, scratch: Path | None = None) -> None:
        """Open one; rows on their way lie in `scratch` (default: the system's folder for temporary files)."""
        self._session = session.newSession()
        self._scratch = scratch
        self._kept: set[str] = set()

    def execute(self, query: str, parameters: Mapping[str, Any] | None = None, /) -> SparkResult:
        """Run a statement: a query, or `CREATE OR REPLACE TEMP TABLE name AS` a query, which is run at once.

        Raises InputError where the statement cannot be said in Spark's dialect.
        """
        statement = for_spark(query)
        frame = self._session.sql(statement.query, args=dict(parameters or {}))
        if statement.makes is not None:
            self._keep(statement.makes, frame)
        return SparkResult(frame, self._scratch)

    def sql(self, query: str, /, *, params: Mapping[str, Any] | None = None) -> SparkResult:
        """Ask a query."""
        return self.execute(query, params)

    def register(self, name: str, table: pa.Table, /) -> None:
        """Let statements read an Arrow table under this name."""
        self._session.createDataFrame(table).createOrReplaceTempView(name)

    def unregister(self, name: str, /) -> None:
        """Forget a registered table."""
        self._session.catalog.dropTempView(name)

    def close(self) -> None:
        """Forget all tables."""
        while self._kept:
            self._session.catalog.dropTempView(self._kept.pop())

    def read(self, log: EventLog) -> None:
        """Make the views interactions, actions, accounts and labels, as EventLog.connect does."""
        for name, table in LOG_TABLES.items():
            self._rows(table, log.files(name)).createOrReplaceTempView(name)

    def _keep(self, name: str, frame: DataFrame) -> None:
        from pyspark import StorageLevel

        # A checkpoint, not a cache: a cached table keeps its query in it, and so does each table made of it; planning a
        # handful of tables made of one another then takes minutes and all memory. Spark frees rows that nothing names.
        kept = frame.localCheckpoint(True, StorageLevel.MEMORY_AND_DISK)
        kept.createOrReplaceTempView(name)
        self._kept.add(name)

    def _rows(self, table: Table, files: list[Path]) -> DataFrame:
        if not files:
            return self._session.createDataFrame(table.schema.empty_table())
        rows = self._session.read.parquet(*map(_escaped, files))
        if table.name == "accounts":  # one row an account: the one appended last
            placed = rows.selectExpr("*", "_metadata.file_path AS file", "_metadata.row_index AS row")
            rows = self._session.sql(LAST, rows=placed)
        return rows.select(*table.columns)


def _batches(files: list[Path], schema: pa.Schema, size: int) -> Iterator[pa.RecordBatch]:
    """The rows of the files in order, in batches of exactly so many but for the last."""
    held = schema.empty_table()
    for file in files:
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(size):
                held = pa.concat_tables([held, pa.Table.from_batches([batch]).cast(schema)])
                while held.num_rows >= size:
                    yield held.slice(0, size).combine_chunks().to_batches()[0]
                    held = held.slice(size)
    yield from held.combine_chunks().to_batches()


def _escaped(path: Path) -> str:
    """A path as Spark takes it, which reads *, ?, [, { and the like as patterns."""
    return "".join("\\" + c if c in "*?[]{}\\" else c for c in str(path.absolute()))


@contextmanager
def spark_connection(
    log: EventLog,
    *,
    master: str = "local[2]",
    heap_mb: int = 4096,
    options: Mapping[str, str] | None = None,
) -> Iterator[SparkConnection]:
    """A Spark of our own with the views of the log; the other arguments and errors are those of spark_home.session.

    What does not fit into memory lies beside the log meanwhile.
    """
    scratch = log.root / ".spill"
    with spark_home.session(master=master, heap_mb=heap_mb, options=options, scratch=scratch) as session:
        connection = SparkConnection(session, scratch)
        try:
            connection.read(log)
            yield connection
        finally:
            connection.close()
