"""Which format a file is of: the one asked for, or the one whose columns it has."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from graph.errors import InputError
from graph.peers.scratch import database
from ingest import formats as formats_folder
from ingest.encoding import check_text
from ingest.mapping import Mapping
from ingest.readers import check_readable, open_raw, suffix_of
from ingest.schema import Format

AUTO = "auto"
PEEK = 100  # records are looked at
NAMED = 12  # columns of a file are named where no format fits them
# how files are read: a format by its name, `auto`, or a mapping file
Reading = str | Mapping


def known() -> tuple[str, ...]:
    """The names of all formats: each is a file of ingest/formats."""
    return tuple(sorted(module.name.replace("_", "-") for module in iter_modules(formats_folder.__path__)))


def described(name: str) -> tuple[str, str]:
    """What a format is, and how it is recognised, a line each."""
    module = _module(name)
    return (module.__doc__ or "").splitlines()[0].rstrip("."), module.RECOGNISED


def chosen(reading: Reading, columns: dict[str, str], where: str) -> tuple[Format, ...]:
    """The tables that a file with these columns holds; several where it is a file of nested JSON.

    Raises InputError naming the columns that it lacks.
    """
    if isinstance(reading, Mapping):
        reading.form.require(columns, where)
        return (reading.form,)
    forms: tuple[Format, ...] = _module(reading).FORMATS
    best = max(forms, key=lambda f: (_told(f, columns), sum(i.column in columns for i in f.fields)))
    best.require(columns, where)
    return tuple(f for f in forms if f.rows and f.marks == best.marks) if best.rows else (best,)


def recognised(path: Path) -> tuple[str, str]:
    """The name of the format whose columns a file has, and a word on why.

    Raises InputError if no format fits, or several do.
    """
    check_readable(path)
    try:
        with database() as connection:
            columns = open_raw(connection, path, limit=PEEK)
            fitting = [(n, f) for n in known() for f in _module(n).FORMATS if _fits(connection, f, columns)]
    except InputError:
        if suffix_of(path) != "parquet":
            check_text(path)  # says more precisely what is wrong, if it is the bytes
        raise
    # of two that fit, one that asks for all that the other asks for and more is the one
    best = {n: f for n, f in reversed(fitting) if not any(set(f.marks) < set(o.marks) for _, o in fitting)}
    if len(best) == 1:
        ((name, form),) = best.items()
        return name, f"it has the columns {_marks(form, columns)}"
    if best:
        both = " and ".join(f"{name} ({_marks(form, columns)})" for name, form in sorted(best.items()))
        raise InputError(f"{path}: its columns fit more than one format: {both}; say which by --format")
    named = ", ".join(list(columns)[:NAMED]) + (", ..." if len(columns) > NAMED else "")
    raise InputError(
        f"{path}: no format has its columns ({named}); `shoal formats` lists the formats, and a mapping file tells of "
        "another (--mapping)"
    )


def _marks(form: Format, columns: dict[str, str]) -> str:
    return ", ".join([*form.marks, *(c for c in form.any_of if c in columns)])


def _fits(connection: Any, form: Format, columns: dict[str, str]) -> bool:
    if not _told(form, columns):
        return False
    if not form.looks:
        return True
    # the first records decide: of one that looks otherwise, validation tells
    return bool(connection.execute(f"SELECT bool_or({form.looks}) FROM raw").fetchall()[0][0])


def _told(form: Format, columns: dict[str, str]) -> bool:
    return set(form.marks) <= set(columns) and (not form.any_of or not set(form.any_of).isdisjoint(columns))


def _module(name: str) -> ModuleType:
    if name not in known():
        raise InputError(f"no format {name!r}; there are {', '.join(known())}")
    return import_module(f"ingest.formats.{name.replace('-', '_')}")
