"""One text for two engines: a statement in DuckDB's dialect, as Spark reads it.

The texts in graph/sql are DuckDB's. sqlglot parses each and writes it for Spark, or says that it cannot; most of what
it does not know it hands on, and Spark refuses it. What both take and mean otherwise only a test can find: the
statements that are claimed to run on Spark, and the tests that hold them to it, are in tests/graph/test_spark.py.
Parameters stay parameters: `$name` becomes Spark's `:name`, and Spark binds the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from graph.errors import InputError, UnavailableError

MISSING = "Spark is not installed: it comes with the extra `spark` (pyspark and sqlglot)"


@dataclass(frozen=True)
class Statement:
    """A statement for Spark.

    Attributes:
        query: the query, in Spark's dialect.
        makes: name of the temporary table that keeps its rows; None where the rows are the answer.
    """

    query: str
    makes: str | None


@cache
def for_spark(text: str) -> Statement:
    """Translate one statement: a query, or `CREATE OR REPLACE TEMP TABLE name AS` a query.

    Raises:
        InputError: it is another kind of statement, or says something that Spark has no words for.
        UnavailableError: the extra `spark` is not installed.
    """
    try:
        from sqlglot import ErrorLevel, exp, parse
        from sqlglot.errors import SqlglotError
    except ModuleNotFoundError as error:
        raise UnavailableError(MISSING) from error
    try:
        parsed, *more = parse(text, read="duckdb")
        query, makes = parsed, None
        if isinstance(parsed, exp.Create) and parsed.kind == "TABLE" and _is_temporary(parsed):
            query, makes = parsed.expression, parsed.this.name
        if not isinstance(query, exp.Query) or more:
            raise InputError(
                f"{_begin(text)}: expected one query, or one CREATE OR REPLACE TEMP TABLE ... AS a query; "
                "Spark runs no other"
            )
        if any(join.method for join in query.find_all(exp.Join)):  # Spark would take ASOF for the name of a table
            raise InputError(f"{_begin(text)}: Spark has no words for this kind of join")
        return Statement(query.sql("spark", comments=False, unsupported_level=ErrorLevel.RAISE), makes)
    except SqlglotError as error:
        raise InputError(f"{_begin(text)}: Spark has no words for this: {error}") from error


def _is_temporary(create: object) -> bool:
    from sqlglot import exp

    assert isinstance(create, exp.Create)
    return bool(create.args.get("replace")) and create.find(exp.TemporaryProperty) is not None


def _begin(text: str) -> str:
    """The first line of a statement, to name it in a message."""
    return text.strip().partition("\n")[0][:120]
