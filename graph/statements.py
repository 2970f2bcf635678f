"""Statements by name: one SQL or Cypher statement a file, in graph/sql and graph/cypher.

Each file begins with comment lines that say what the statement does, its parameters and its columns:

    // Make accounts that are not there yet.
    // parameters: rows: [{id: account id}]
    // columns: none
    UNWIND $rows AS row
    MERGE (:Account {accountId: row.id})

Values always travel as parameters; a statement's text is never put together from data.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

HERE = Path(__file__).parent


@cache
def sql(name: str) -> LiteralString:
    """Text of graph/sql/<name>.sql. Raises FileNotFoundError if there is none."""
    text: LiteralString = (HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return text


@cache
def cypher(name: str) -> LiteralString:
    """Text of graph/cypher/<name>.cypher. Raises FileNotFoundError if there is none."""
    text: LiteralString = (HERE / "cypher" / f"{name}.cypher").read_text(encoding="utf-8")
    return text
