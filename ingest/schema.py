"""What a source column may hold, as SQL: how its value is read, and what is wrong with it.

A format (ingest/formats/) is a list of `Field`s for one table of the event log. Validation is one
SQL statement over the whole file: every row gets a list of reasons, and an empty list means it is good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from graph.errors import InputError
from graph.model import LOG_TABLES, MAX_ID_CHARS, MAX_TEXT_CHARS

EARLIEST = 946_684_800_000_000  # 2000-01-01: an earlier time is a wrong unit
FUTURE_SLACK = 86_400_000_000  # clocks of a platform's machines differ, by less than a day

SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.list_(pa.string()): "VARCHAR[]",
}

# (SQL of the raw column, its SQL type) -> SQL of the value
Reader = Callable[[str, str], str]


@dataclass(frozen=True)
class Field:
    """One column of a table of the log.

    `check` holds pairs (SQL condition over {v} the value and {c} the raw text, what is wrong), both
    in terms that a person who owns the file understands.
    """

    name: str
    read: Reader
    source: str = ""
    required: bool = False
    check: tuple[tuple[str, str], ...] = ()

    @property
    def column(self) -> str:
        """Name of the column in the source file."""
        return self.source or self.name


@dataclass(frozen=True)
class Format:
    """How one kind of source file becomes one table of the log."""

    name: str
    table: str
    fields: tuple[Field, ...]
    row_checks: tuple[tuple[str, str], ...] = ()  # conditions over several columns of the row

    def require(self, columns: Mapping[str, str], where: str) -> None:
        """Raise InputError naming the required columns that the file lacks."""
        missing = [f.column for f in self.fields if f.required and f.column not in columns]
        if missing:
            raise InputError(
                f"{where}: missing column {', '.join(missing)}; {self.table} in format {self.name} needs "
                f"{', '.join(f.column for f in self.fields if f.required)}, and may have "
                f"{', '.join(f.column for f in self.fields if not f.required) or 'no others'}"
            )

    def select(self, columns: Mapping[str, str], now: int) -> str:
        """SQL that turns the view `raw` into `source_row`, this table's values, and `reasons` (a list; empty: good).

        Args:
            columns: the file's columns with their SQL types.
            now: the present, microseconds UTC; later times (by more than a day) are refused.
        """
        read, reasons = [], []
        for field in self.fields:
            raw, value = _quoted(field.column), _quoted("value of " + field.name)
            if field.column not in columns:
                continue
            read.append(f"{field.read(raw, columns[field.column])} AS {value}")
            given = f"coalesce(trim({raw}::VARCHAR), '') <> ''"
            if field.required:
                reasons.append((f"NOT ({given})", f"'{field.column}: empty'"))
            shown = f"left({raw}::VARCHAR, 60)"
            for condition, wrong in field.check:
                holds = condition.format(v=value, c=raw, now=now)
                reasons.append((f"{given} AND ({holds})", f"'{field.column}: ' || {shown} || ' {wrong}'"))
        here = {field.name: field.column in columns for field in self.fields}
        for condition, wrong in self.row_checks:
            names = {n: _quoted("value of " + n) if there else "NULL" for n, there in here.items()}
            reasons.append((condition.format(**names), f"'{wrong}'"))
        keep = [
            (_quoted("value of " + c.name) if here.get(c.name) else "NULL")
            + f"::{SQL_TYPES[c.type]} AS {_quoted(c.name)}"
            for c in LOG_TABLES[self.table].schema
        ]
        cases = ", ".join(f"CASE WHEN {c} THEN {w} END" for c, w in reasons)
        wrong = " OR ".join(f"({c})" for c, _ in reasons)  # a list is made only where there is something to list
        return (
            f"SELECT source_row, {', '.join(keep)}, "
            f"CASE WHEN {wrong} THEN list_filter([{cases}], lambda x: x IS NOT NULL) ELSE []::VARCHAR[] END AS reasons "
            f"FROM (SELECT raw.*, {', '.join(read)} FROM raw)"
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_number(kind: str) -> bool:
    return kind.upper() in ("BIGINT", "INTEGER", "UBIGINT", "UINTEGER", "SMALLINT", "HUGEINT")


def text(raw: str, _kind: str) -> str:
    """Text as it stands; blank is null."""
    return f"nullif(trim({raw}::VARCHAR), '')"


def microseconds(raw: str, kind: str) -> str:
    """ISO 8601 with an offset (or Z), a timestamp column, or integer microseconds UTC."""
    if kind.upper().startswith("TIMESTAMP"):
        return f"epoch_us({raw})"
    if _is_number(kind):
        return f"{raw}::BIGINT"
    iso = r"'^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$'"
    return (
        f"CASE WHEN regexp_full_match({raw}, '-?[0-9]{{1,18}}') THEN try_cast({raw} AS BIGINT) "
        f"WHEN regexp_matches({raw}, {iso}) THEN epoch_us(try_cast({raw} AS TIMESTAMPTZ)) END"
    )


def seconds(raw: str, kind: str) -> str:
    """Whole or fractional seconds since 1970, UTC; a timestamp column as well."""
    if kind.upper().startswith("TIMESTAMP"):
        return f"epoch_us({raw})"
    return f"try_cast(round(try_cast({raw} AS DOUBLE) * 1000000) AS BIGINT)"


def strings(raw: str, kind: str) -> str:
    """A list column, or a JSON array of strings."""
    if kind.endswith("[]"):
        return f"list_filter({raw}::VARCHAR[], lambda x: x <> '')"
    return f"CASE WHEN json_valid({raw}) THEN try_cast(json({raw}) AS VARCHAR[]) END"


def truth(raw: str, _kind: str) -> str:
    """The words true and false."""
    return f"try_cast({raw} AS BOOLEAN)"


def number(raw: str, _kind: str) -> str:
    """A decimal number."""
    return f"try_cast({raw} AS DOUBLE)"


def one_of(allowed: tuple[str, ...]) -> tuple[str, str]:
    """Check: the value is in a closed list."""
    listed = ", ".join(f"'{a}'" for a in allowed)
    return f"{{v}} NOT IN ({listed})", f"is none of {', '.join(allowed)}"


SHORT = (f"length({{c}}::VARCHAR) > {MAX_ID_CHARS}", f"... is longer than {MAX_ID_CHARS} characters")
PRINTABLE = ("regexp_matches({c}::VARCHAR, '[[:cntrl:]]')", "holds control characters")
TIME = (
    ("{v} IS NULL", "is no time: expected ISO 8601 with an offset, or integer microseconds UTC"),
    (f"{{v}} < {EARLIEST}", "is before 2000: expected microseconds UTC (seconds or milliseconds?)"),
    ("{v} > {now} + " + str(FUTURE_SLACK), "lies in the future"),
)
LONG = (f"length({{c}}::VARCHAR) > {MAX_TEXT_CHARS}", f"... is longer than {MAX_TEXT_CHARS} characters")
LIST = (
    ("{v} IS NULL", "is no list: expected a JSON array of strings"),
    (f"length({{c}}::VARCHAR) > {MAX_TEXT_CHARS}", f"... is longer than {MAX_TEXT_CHARS} characters"),
)
ID = (SHORT, PRINTABLE)
