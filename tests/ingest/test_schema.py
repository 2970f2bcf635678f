"""Validation's SQL: the quick question of which rows may be wrong leaves none out."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import schema
from ingest.recognise import known
from ingest.schema import Format

NOW = 1_790_000_000_000_000  # 2026-09-21
FORMATS = [
    form
    for name in known()
    for form in import_module(f"ingest.formats.{name.replace('-', '_')}").FORMATS
    if form.fields and not form.aside
]
WORDS = [
    "",
    "  ",
    "a",
    "note",
    "like",
    "poke",
    "bot",
    "platform",
    "declared",
    "true",
    "maybe",
    "0.5",
    "1.5",
    "nan",
    "all",
]
NESTED = ["[]", '["x"]', "[[1]]", '{"a": 1}', "[x", "{", " [1]", '[{"a": 1}]', "[null]", '["' + "z" * 100_001 + '"]']
TIMES = ["1788220800000000", "1788220800", "99999999999999999", "2026-09-01T08:00:00+08:00", "2031-01-01T00:00:00Z"]
ODD = ["a\x07b", "a\x00b", "a\x7fb", "a\nb", "x" * 513, "é" * 300, "y" * 100_001]
VALUES = st.one_of(st.none(), *map(st.sampled_from, (WORDS, NESTED, TIMES, ODD)), st.text(max_size=8))


def reasons(form: Format, columns: dict[str, str], rows: list[dict[str, Any]]) -> list[list[str]]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        table = pa.table({c: pa.array([row.get(c) for row in rows], pa.string()) for c in columns})
        connection.register("given", table)
        connection.execute("CREATE TABLE part AS SELECT row_number() OVER () AS source_row, * FROM given")
        found = connection.execute(f"SELECT reasons FROM ({form.select(columns, NOW)}) ORDER BY source_row").fetchall()
        return [row[0] for row in found]


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: f"{form.name}-{form.table}")
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_no_wrong_row_escapes_the_quick_question(form: Format, data: st.DataObject) -> None:
    names = [field.column for field in form.fields] + (["another"] if form.keeps_unknown else [])
    needed = {field.column for field in form.fields if field.required} | set(form.told_by)  # others are refused before
    present = sorted(needed | set(data.draw(st.lists(st.sampled_from(sorted(set(names)))))))
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(present, VALUES)), min_size=1, max_size=6))
    columns = dict.fromkeys(present, "VARCHAR")
    quick = reasons(form, columns, rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "_suspects", lambda *_: ["true"])
        assert quick == reasons(form, columns, rows)
