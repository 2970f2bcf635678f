"""What counting needs of a database: the few methods that DuckDB's connection and Spark's stand-in share.

`duckdb.DuckDBPyConnection` has this shape as it is; `graph.spark.SparkConnection` gives a Spark session the same. Code
that takes a `Connection` runs on either, with the same text and the same integers (docs/decisions/0014).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Result(Protocol):
    """The rows of one statement. Read them once."""

    def df(self) -> pd.DataFrame:
        """The rows as a data frame."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows as tuples."""
        ...


class Relation(Protocol):
    """The rows of one query, as Arrow."""

    def to_arrow_table(self) -> pa.Table:
        """The rows as an Arrow table."""
        ...

    def to_arrow_reader(self, batch_size: int = ..., /) -> pa.RecordBatchReader:
        """The rows in batches of so many, never held whole."""
        ...


class Connection(Protocol):
    """A database in DuckDB's dialect. A parameter is `$name` in the text; tables that statements make are temporary."""

    def execute(self, query: str, parameters: Any = None, /) -> Result:
        """Run a statement."""
        ...

    def sql(self, query: str, /, *, params: Any = None) -> Relation:
        """Ask a query."""
        ...

    def register(self, name: str, table: Any, /) -> Any:
        """Let statements read an Arrow table under this name."""
        ...

    def unregister(self, name: str, /) -> Any:
        """Forget a registered table."""
        ...
