"""Statements by name: one SQL or Cypher statement a file, in graph/sql and graph/cypher.

Each file begins with comment lines that say what the statement does, its parameters and its columns:

    // Make accounts that are not there yet.
    // parameters: rows: [{id: account id}]
    // columns: none
    UNWIND $rows AS row
    MERGE (:Account {accountId: row.id})

Values always travel as parameters. Only names that Cypher takes no parameter for (a label, a
relationship type, a property key) are put into the text, and only from code, never from data.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import LiteralString

HERE = Path(__file__).parent
PLACEHOLDER = re.compile(r"\b__([A-Z]+)__\b")


@cache
def sql(name: str) -> LiteralString:
    """Text of graph/sql/<name>.sql. Raises FileNotFoundError if there is none."""
    text: LiteralString = (HERE / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return text


@cache
def cypher(name: str, /, **names: str) -> LiteralString:
    """Text of graph/cypher/<name>.cypher, with `__LABEL__` replaced by `names["label"]`, and so on.

    Raises:
        FileNotFoundError: there is no such statement.
        ValueError: a name is no plain identifier, or is missing.
    """
    for value in names.values():
        if not re.fullmatch(r"[A-Za-z_]+", value):
            raise ValueError(f"{name}.cypher: {value!r} is no plain name")
    text = (HERE / "cypher" / f"{name}.cypher").read_text(encoding="utf-8")
    for missing in PLACEHOLDER.findall(text):
        if missing.lower() not in names:
            raise ValueError(f"{name}.cypher: no value for __{missing}__")
    filled: LiteralString = PLACEHOLDER.sub(lambda match: names[match[1].lower()], text)
    return filled
