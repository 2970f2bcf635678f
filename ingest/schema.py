"""What a source column may hold, as SQL: how its value is read, and what is wrong with it.

A format (ingest/formats/) is a list of `Field`s for one table of the event log. Validation is one
SQL statement over the whole file: every row gets a list of reasons, and an empty list means it is good.
docs/reference/format.md and a JSON Schema are made from the same declarations (ingest.describe).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from graph.errors import InputError
from graph.model import KINDS, LOG_TABLES, MAX_ID_CHARS, MAX_TEXT_CHARS, PRIVATE_KINDS

ISO = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$"
WHOLE = "-?[0-9]{1,18}"
PUBLIC = tuple(kind for kind in KINDS if kind not in PRIVATE_KINDS)
PRIVATE_COLUMNS = ("text", "urls", "hashtags", "media")  # never stored, and never shown, of a private interaction
SHOWN_CHARS = 60  # of a refused value
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
    in terms that a person who owns the file understands. `allowed` is the closed list of values, if there is one;
    `example` is a value as JSON Lines would hold it.
    """

    name: str
    read: Reader
    source: str = ""
    required: bool = False
    check: tuple[tuple[str, str], ...] = ()
    allowed: tuple[str, ...] = ()
    example: Any = None

    @property
    def column(self) -> str:
        """Name of the column in the source file."""
        return self.source or self.name


@dataclass(frozen=True)
class Format:
    """How one kind of source file becomes one table of the log.

    Attributes:
        name: of the format.
        table: of the log.
        fields: its columns.
        row_checks: conditions over several columns of the row, and what is wrong where they hold.
        told_by: columns that a file has all of if it is one (default: the required ones).
        any_of: columns of which it has one at least, where there are any.
        looks: an SQL condition over a row, for files that columns alone do not tell apart.
        asks: columns of the file that `rows` reads; one that the file lacks is null.
        rows: SQL of its rows, from the view `given` of the columns asked for; `source_row` numbers them. Formats that
            are told by the same columns are all read from one file. Default: the rows as they stand.
        left_out: what of the file is not stored, and why.
        aside: why nothing of such a file is stored; empty for a format that is.
        version: of the format, where it has versions: what the column format_version may say.
        keeps_unknown: whether columns that it does not know are kept (graph.model.EXTRAS).
        dropped: columns that are kept nowhere, not even of refused rows.
    """

    name: str
    table: str
    fields: tuple[Field, ...]
    row_checks: tuple[tuple[str, str], ...] = ()
    told_by: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    looks: str = ""
    asks: tuple[str, ...] = ()
    rows: str = ""
    left_out: str = ""
    aside: str = ""
    version: int | None = None
    keeps_unknown: bool = False
    dropped: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """The columns that a file has all of if it is of this format."""
        return self.told_by or tuple(f.column for f in self.fields if f.required)

    def unknown(self, columns: Mapping[str, str]) -> list[str]:
        """The file's columns that this format does not know and keeps."""
        known = {f.column for f in self.fields} | ({"format_version"} if self.version is not None else set())
        return [c for c in columns if c not in known and c not in self.dropped] if self.keeps_unknown else []

    def require(self, columns: Mapping[str, str], where: str) -> None:
        """Raise InputError naming the required columns that the file lacks."""
        if self.told_by:
            missing = [c for c in self.told_by if c not in columns]
            if missing:
                raise InputError(
                    f"{where}: missing {', '.join(missing)}; a file of {self.table} in format {self.name} has "
                    f"{', '.join(self.told_by)}"
                )
        missing = [f.column for f in self.fields if f.required and not self.rows and f.column not in columns]
        if missing:
            raise InputError(
                f"{where}: missing column {', '.join(missing)}; {self.table} in format {self.name} needs "
                f"{', '.join(f.column for f in self.fields if f.required)}, and may have "
                f"{', '.join(f.column for f in self.fields if not f.required) or 'no others'}"
            )

    def select(self, columns: Mapping[str, str], now: int) -> str:
        """SQL that turns the view `part` into `source_row`, this table's values, and `reasons` (a list; empty: good).

        Args:
            columns: the file's columns with their SQL types.
            now: the present, microseconds UTC; later times (by more than a day) are refused.
        """
        read, reasons, suspects = [], [], []
        for field in self.fields:
            raw, value = _quoted(field.column), _quoted("value of " + field.name)
            if field.column not in columns:
                continue
            read.append(f"{field.read(raw, columns[field.column])} AS {value}")
            given = f"{value} IS NOT NULL" if field.read is text else f"coalesce(trim({raw}::VARCHAR), '') <> ''"
            named = field.column.replace("'", "''")
            if field.required:
                reasons.append((f"NOT ({given})", f"'{named}: empty'"))
            shown = self._shown(raw, columns, private=field.name in PRIVATE_COLUMNS)
            wrongs = []
            for condition, wrong in (*field.check, *([one_of(field.allowed)] if field.allowed else [])):
                holds = condition.format(v=value, c=raw, now=now)
                reasons.append((f"{given} AND ({holds})", f"'{named}: ' || {shown} || ' {wrong}'"))
                wrongs.append(f"({holds})")
            suspects += _suspects(field, raw, value, wrongs, now)
        suspects += _unlike_ids([f.column for f in self.fields if f.check == ID and f.column in columns])
        for name in self.unknown(columns):
            raw, named = _quoted(name), name.replace("'", "''")
            shown = self._shown(raw, columns, private=True)
            reasons.append((LONG[0].format(c=raw), f"'{named}: ' || {shown} || ' {LONG[1]}'"))
            suspects.append(LONG[0].format(c=raw))
        here = {field.name: field.column in columns for field in self.fields}
        for condition, wrong in self.row_checks:
            names = {n: _quoted("value of " + n) if there else "NULL" for n, there in here.items()}
            reasons.append((condition.format(**names), f"'{wrong}'"))
            suspects.append(condition.format(**names))
        keep = [
            (_quoted("value of " + c.name) if here.get(c.name) else "NULL")
            + f"::{SQL_TYPES[c.type]} AS {_quoted(c.name)}"
            for c in LOG_TABLES[self.table].schema
        ]
        cases = ", ".join(f"CASE WHEN {c} THEN {w} END" for c, w in reasons)
        # a list is made only where there may be something to list, which is asked of all columns at once
        wrong = " OR ".join(f"({c})" for c in suspects)
        return (
            f"SELECT source_row, {', '.join(keep)}, "
            f"CASE WHEN {wrong} THEN list_filter([{cases}], lambda x: x IS NOT NULL) ELSE []::VARCHAR[] END AS reasons "
            f"FROM (SELECT part.*, {', '.join(read)} FROM part)"
        )

    def _shown(self, raw: str, columns: Mapping[str, str], *, private: bool) -> str:
        """SQL of the beginning of a refused value; never of what a private interaction holds."""
        shown = f"left({raw}::VARCHAR, {SHOWN_CHARS})"
        if private and any(f.name == "kind" and f.column in columns for f in self.fields):
            return f"CASE WHEN {among(_quoted('value of kind'), PUBLIC)} THEN {shown} ELSE '(not shown)' END"
        return shown


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _suspects(field: Field, raw: str, value: str, wrongs: Sequence[str], now: int) -> list[str]:
    """SQL conditions of which one holds wherever a check of the field does, and of hardly any good value.

    A wrong value may be told by what a good one is: one comparison instead of several.
    """
    if field.check == TIME:
        fine = f"{value} BETWEEN {EARLIEST} AND {now + FUTURE_SLACK}"
    elif field.allowed and not field.check:
        fine = among(value, field.allowed)
    else:
        empty = [f"{value} IS NULL"] if field.required else []
        # checks of ids are asked of all columns at once
        return empty if field.check == ID or not wrongs else [*empty, f"{raw} IS NOT NULL AND ({' OR '.join(wrongs)})"]
    return [f"({fine}) IS NOT TRUE" if field.required else f"{raw} IS NOT NULL AND ({fine}) IS NOT TRUE"]


def _unlike_ids(columns: Sequence[str]) -> list[str]:
    """SQL that holds wherever a check of ID holds of one of the columns; elsewhere seldom.

    Three checks of seven columns cost more than all the rest of reading a row; one question for all of them does not.
    """
    if not columns:
        return []
    given = f"concat({', '.join(_quoted(c) for c in columns)})"
    return [f"strlen({given}) > {MAX_ID_CHARS} OR regexp_matches({given}, '[[:cntrl:]\\[{{]')"]


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
        return f"try_cast({raw} AS BIGINT)"
    given = f"{raw}::VARCHAR"
    return (
        f"CASE WHEN regexp_full_match({given}, '{WHOLE}') THEN try_cast({raw} AS BIGINT) "
        f"WHEN regexp_matches({given}, '{ISO}') THEN epoch_us(try_cast({given} AS TIMESTAMPTZ)) END"
    )


def seconds(raw: str, kind: str) -> str:
    """Whole or fractional seconds since 1970, UTC; a timestamp column as well."""
    if kind.upper().startswith("TIMESTAMP"):
        return f"epoch_us({raw})"
    return f"try_cast(round(try_cast({raw} AS DOUBLE) * 1000000) AS BIGINT)"


def strings(raw: str, kind: str) -> str:
    """A list column, or a JSON array of strings; nulls and empty strings in it are left out."""
    if kind.endswith("[]"):
        return f"list_filter({raw}::VARCHAR[], lambda x: x <> '')"
    given = f"{raw}::VARCHAR"
    return (
        f"CASE WHEN json_valid({given}) THEN list_filter(try_cast(json({given}) AS VARCHAR[]), lambda x: x <> '') END"
    )


def truth(raw: str, _kind: str) -> str:
    """The words true and false."""
    return f"try_cast({raw} AS BOOLEAN)"


def whole(raw: str, _kind: str) -> str:
    """A whole number."""
    return f"CASE WHEN regexp_full_match({raw}::VARCHAR, '{WHOLE}') THEN try_cast({raw} AS BIGINT) END"


def number(raw: str, _kind: str) -> str:
    """A decimal number."""
    return f"try_cast({raw} AS DOUBLE)"


def among(value: str, allowed: Sequence[str]) -> str:
    """SQL that holds if a value is in a closed list, and not if it is null.

    The engine would make a join of IN, which loses the order of rows and costs a quarter of all validation.
    """
    listed = ", ".join(f"'{a}'" for a in allowed)
    return f"try_cast({value} AS ENUM({listed})) IS NOT NULL"


def one_of(allowed: tuple[str, ...]) -> tuple[str, str]:
    """Check: the value is in a closed list."""
    return f"NOT ({among('{v}', allowed)})", f"is none of {', '.join(allowed)}"


SHORT = (f"length({{c}}::VARCHAR) > {MAX_ID_CHARS}", f"... is longer than {MAX_ID_CHARS} characters")
PRINTABLE = ("regexp_matches({c}::VARCHAR, '[[:cntrl:]]')", "holds control characters")
PLAIN = (
    "left(ltrim({c}::VARCHAR), 1) IN ('[', '{{') AND json_valid({c}::VARCHAR)",
    "is a list or an object: expected a text",
)
TIME = (
    ("{v} IS NULL", "is no time: expected ISO 8601 with an offset, or integer microseconds UTC"),
    (f"{{v}} < {EARLIEST}", "is before 2000: expected microseconds UTC (seconds or milliseconds?)"),
    ("{v} > {now} + " + str(FUTURE_SLACK), "lies in the future"),
)
LONG = (f"length({{c}}::VARCHAR) > {MAX_TEXT_CHARS}", f"... is longer than {MAX_TEXT_CHARS} characters")
NUL = ("contains({v}::VARCHAR, chr(0))", "holds a NUL character")
UNLISTED = ("{v} IS NULL", "is no list: expected a JSON array of strings")
NO_ITEMS = (
    "json_valid({c}::VARCHAR) AND regexp_matches({c}::VARCHAR, '^\\s*\\[\\s*[\\[{{]')",
    "holds lists or objects: expected a JSON array of strings",
)
TRUTH = ("{v} IS NULL", "is neither true nor false")
SHARE = ("{v} IS NULL OR NOT ({v} BETWEEN 0 AND 1)", "is no number from 0 to 1")
LIST = (UNLISTED, NO_ITEMS, LONG, NUL)
ID = (SHORT, PRINTABLE, PLAIN)
TEXT = (LONG, NUL)
