"""The native format described from its own declarations: field by field, and as a JSON Schema (draft 2020-12).

A check that has no description here stops `make docs`, so neither can drift from what is checked.
"""

from __future__ import annotations

from typing import Any

from graph.model import LOG_TABLES, MAX_ID_CHARS, MAX_TEXT_CHARS
from ingest.formats import native
from ingest.schema import (
    EARLIEST,
    ISO,
    LONG,
    NO_ITEMS,
    NUL,
    PLAIN,
    PRINTABLE,
    SHARE,
    SHORT,
    TIME,
    TRUTH,
    UNLISTED,
    Field,
    Format,
    microseconds,
    number,
    strings,
    text,
    truth,
)

# what a column is read as -> its name, and the JSON types it may have
READ: dict[Any, tuple[str, dict[str, Any]]] = {
    text: ("text", {"type": "string"}),
    microseconds: (
        "time: ISO 8601 with an offset, or integer microseconds UTC",
        {"anyOf": [{"type": "integer", "minimum": EARLIEST}, {"type": "string", "pattern": ISO}]},
    ),
    strings: ("list of texts; a JSON array where a cell is text", {"type": "array", "items": {"type": "string"}}),
    truth: ("true or false", {"type": "boolean"}),
    number: ("number", {"type": "number"}),
}
# what a check asks for -> in words, and in JSON Schema; empty where the type says it already
RULES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    SHORT: (f"at most {MAX_ID_CHARS} characters", {"maxLength": MAX_ID_CHARS}),
    PRINTABLE: ("no control characters", {"allOf": [{"pattern": "^[^\\u0000-\\u001f\\u007f]*$"}]}),
    PLAIN: ("no list or object", {"not": {"pattern": r"^\s*[\[{]"}}),
    LONG: (f"at most {MAX_TEXT_CHARS:,} characters", {}),
    NUL: ("no NUL character", {}),
    UNLISTED: ("", {}),
    NO_ITEMS: ("no lists or objects in it", {}),
    TIME[0]: ("", {}),
    TIME[1]: ("not before 2000", {}),
    TIME[2]: ("at most a day in the future", {}),
    TRUTH: ("", {}),
    SHARE: ("0 to 1", {"minimum": 0, "maximum": 1}),
}
# the same for checks over several columns
ROWS: dict[str, dict[str, Any]] = {
    native.NEEDS_TARGET[0]: {
        "if": {"properties": {"kind": {"not": {"const": "note"}}}},
        "then": {"required": ["target_id"], "properties": {"target_id": {"type": "string", "pattern": r"\S"}}},
    },
}


def rows_of(form: Format) -> list[tuple[str, str, str, str, str]]:
    """Of each field: name, whether it is required, what it holds, its meaning, an example."""
    meaning = LOG_TABLES[form.table].meaning
    return [
        (field.name, "required" if field.required else "", _words(field), meaning[field.name], field.example)
        for field in form.fields
    ]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of one line of a file in the native format: an interaction, an account or a label.

    What it lets pass, Shoal takes; Shoal takes a little more, such as numbers for ids. Two things only Shoal checks:
    that a time exists in the calendar, and that it does not lie in the future.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of Shoal's native format",
        "$comment": "Made by `make docs` from ingest/formats/native.py; edit that instead.",
        "anyOf": [{"$ref": f"#/$defs/{form.table}"} for form in native.FORMATS],
        "$defs": {form.table: _table(form) for form in native.FORMATS},
    }


def _table(form: Format) -> dict[str, Any]:
    table: dict[str, Any] = {
        "type": "object",
        "required": [field.name for field in form.fields if field.required],
        "properties": {field.name: _property(field, form) for field in form.fields}
        | {"format_version": {"enum": [form.version, str(form.version), None]}},
        "additionalProperties": True,  # unknown columns are kept
    }
    if form.any_of:
        table["anyOf"] = [{"required": [name]} for name in form.any_of]
    for condition, _ in form.row_checks:
        table |= ROWS[condition]
    return table


def _property(field: Field, form: Format) -> dict[str, Any]:
    made = dict(READ[field.read][1])
    if field.allowed:
        made["enum"] = list(field.allowed)
    for check in field.check:
        made |= RULES[check][1]
    if field.read is text:
        if LONG in field.check:
            made["maxLength"] = MAX_TEXT_CHARS
        if NUL in field.check:
            made["pattern"] = "^[^\\u0000]*$"
        if field.required:
            made["pattern"] = r"\S"
    if field.read is strings:
        made["items"] = {"type": "string", "pattern": "^[^\\u0000]*$"}
    described = {"description": LOG_TABLES[form.table].meaning[field.name], "examples": [field.example]}
    return described | (made if field.required else {"anyOf": [{"type": "null"}, made]})


def _words(field: Field) -> str:
    rules = [RULES[check][0] for check in field.check]
    rules += [f"one of {', '.join(field.allowed)}"] if field.allowed else []
    return "; ".join(filter(None, [READ[field.read][0], *rules]))
