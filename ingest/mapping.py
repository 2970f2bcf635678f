"""A mapping file: how a platform's own columns become Shoal's (YAML; docs/how-to/ingest.md has a worked example).

    name: xiaohongshu-like
    table: interactions                     interactions, accounts, labels or actions
    columns: {用户ID: account_id, ...}      their column: ours, or a list of ours
    values: {kind: {评论: comment, ...}}    of a column of ours, what their values mean
    constants: {kind: comment}              what holds for every row
    times: {form: "%Y-%m-%d %H:%M:%S", zone: Asia/Shanghai}
    lists: {hashtags: " "}                  what separates the items of a list written as one text
    drop: [手机号]                          their columns that are not kept; the others are (graph.model.EXTRAS)

Everything wrong with a mapping file is said with its line and column before any row is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as Columns
from dataclasses import dataclass, replace
from pathlib import Path

from graph.errors import InputError
from ingest.formats import actions, native
from ingest.mapped import TimeForm, constant, listed, meaning, time_checks, time_form
from ingest.schema import LONG, NUL, Field, Format, microseconds, strings
from ingest.yamlfile import Entry, YamlFile

TABLES = {form.table: form for form in (*native.FORMATS, *actions.FORMATS)}
KEYS = ("name", "table", "columns", "values", "constants", "times", "lists", "drop")


@dataclass(frozen=True)
class MappedFormat(Format):
    """A format that a mapping file tells of.

    Every column that the mapping names has to be there: a missing one is a slip of the pen more often than not.
    """

    def require(self, columns: Columns[str, str], where: str) -> None:
        """Raise InputError naming the mapped columns that the file lacks."""
        missing = [c for c in dict.fromkeys(f.column for f in self.fields) if c not in columns]
        if missing:
            raise InputError(
                f"{where}: missing column {', '.join(missing)}, of which {self.name} tells; it has {', '.join(columns)}"
            )


@dataclass(frozen=True)
class Mapping:
    """A mapping file that was read and found good.

    Attributes:
        name: what it calls itself, or the file's name.
        digest: hex SHA-256 of its bytes.
        form: the format that it describes.
    """

    name: str
    digest: str
    form: Format

    def __str__(self) -> str:
        """What a manifest says of it."""
        return f"mapping {self.name} ({self.digest[:12]})"


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises InputError naming file, line and column of the first thing that is wrong with it.
    """
    source = YamlFile(path)
    top = source.mapping(source.root, "a mapping file", KEYS)
    table = source.text(source.wanted(top, "table").value, TABLES)
    base = TABLES[table]
    ours = {field.name: field for field in base.fields}
    columns = _columns(source, source.wanted(top, "columns"), ours)
    meanings = _values(source, top.get("values"), ours, columns)
    constants = _constants(source, top.get("constants"), ours, columns)
    separators = _lists(source, top.get("lists"), ours, columns)
    times = time_form(source, top["times"]) if "times" in top else None
    missing = [n for n, f in ours.items() if f.required and n not in columns and n not in constants]
    if missing:
        raise source.error(
            top["columns"].value, f"no column for {', '.join(missing)}; {table} need it (or a constant, where it fits)"
        )
    if "account_id" in constants:
        raise source.error(top["constants"].value, "account_id cannot be the same for every row")
    fields = [
        _field(field, columns[name], meanings.get(name, {}), separators.get(name), times)
        for name, field in ours.items()
        if name in columns
    ]
    fields += [
        Field(name, constant(value), source=columns["account_id"])  # a column that every row has
        for name, value in constants.items()
    ]
    name = source.text(top["name"].value) if "name" in top else path.stem
    dropped = tuple(source.texts(top["drop"].value)) if "drop" in top else ()
    form = MappedFormat(
        f"mapping {name}", table, tuple(fields), base.row_checks, keeps_unknown=base.keeps_unknown, dropped=dropped
    )
    return Mapping(name, hashlib.sha256(source.content).hexdigest(), form)


def _field(field: Field, column: str, meanings: dict[str, str], separator: str | None, times: TimeForm | None) -> Field:
    made = replace(field, source=column)
    if meanings:
        made = replace(made, read=meaning(field.read, meanings))
    if separator is not None:
        made = replace(made, read=listed(separator), check=(LONG, NUL))
    if field.read is microseconds and times is not None:
        made = replace(made, read=times.read, check=time_checks(times))
    return made


def _columns(source: YamlFile, entry: Entry, ours: dict[str, Field]) -> dict[str, str]:
    """Of each of our columns, theirs."""
    found: dict[str, str] = {}
    for theirs, given in source.mapping(entry.value, "columns").items():
        for node in source.items(given.value):
            name = source.text(node, ours)
            if name in found:
                raise source.error(node, f"{name} is mapped twice: from {found[name]!r} and from {theirs!r}")
            found[name] = theirs
    return found


def _values(
    source: YamlFile, entry: Entry | None, ours: dict[str, Field], columns: dict[str, str]
) -> dict[str, dict[str, str]]:
    """Of our columns, what their values mean."""
    found: dict[str, dict[str, str]] = {}
    if entry is None:
        return found
    for name, given in source.mapping(entry.value, "values", ours).items():
        _mapped(source, given, name, columns)
        if ours[name].read in (microseconds, strings):
            raise source.error(given.key, f"{name} holds times or lists, whose values are not renamed")
        found[name] = {
            theirs: source.text(to.value, ours[name].allowed)
            for theirs, to in source.mapping(given.value, f"values of {name}").items()
        }
    return found


def _constants(
    source: YamlFile, entry: Entry | None, ours: dict[str, Field], columns: dict[str, str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    if entry is None:
        return found
    for name, given in source.mapping(entry.value, "constants", ours).items():
        if name in columns:
            raise source.error(given.key, f"{name} is mapped from {columns[name]!r} already")
        if ours[name].read in (microseconds, strings):
            raise source.error(given.key, f"{name} holds times or lists, which are not the same for every row")
        found[name] = source.text(given.value, ours[name].allowed)
    return found


def _lists(source: YamlFile, entry: Entry | None, ours: dict[str, Field], columns: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if entry is None:
        return found
    allowed = [name for name, field in ours.items() if field.read is strings]
    for name, given in source.mapping(entry.value, "lists", allowed).items():
        _mapped(source, given, name, columns)
        found[name] = source.text(given.value)
    return found


def _mapped(source: YamlFile, entry: Entry, name: str, columns: dict[str, str]) -> None:
    if name not in columns:
        raise source.error(entry.key, f"{name} has no column of theirs under `columns`")
