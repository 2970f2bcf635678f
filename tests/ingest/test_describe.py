"""The published JSON Schema and what Shoal takes are one: nothing passes the one and not the other."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from graph.workspace import Workspace
from ingest.describe import json_schema, rows_of
from ingest.formats.native import FORMATS
from ingest.load import ingest
from ingest.schema import Format

NOW = 1_790_000_000_000_000  # 2026-09-21
ROWS = 400
# values that fit some columns and not others
VALUES: list[Any] = [
    None,
    "",
    " ",
    "ann",
    "阿猫",
    7,
    True,
    0.5,
    1.5,
    "like",
    "note",
    "message",
    "genuine",
    "review",
    "platform",
    "2026-09-01T10:00:00Z",
    "2026-09-01 10:00:00.5+0800",
    "2026-09-01T10:00:00",
    "yesterday",
    1_788_256_800_000_000,
    1_788_256_800,
    [],
    ["a", "b"],
    [1],
    [["a"]],
    [{"a": 1}],
    {"a": 1},
    "[1]",
    "x" * 513,
    "bell\u0007",
    "nul\u0000",
    ["nul\u0000"],
    "y" * 100_001,
]


def validator(form: Format) -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator({**schema["$defs"][form.table], "$schema": schema["$schema"]})


@pytest.mark.parametrize("form", FORMATS, ids=[form.table for form in FORMATS])
def test_what_the_schema_lets_pass_is_taken(form: Format, tmp_path: Path) -> None:
    chance, names = random.Random(7), [field.name for field in form.fields]
    example = {field.name: field.example for field in form.fields}
    rows = []
    for number in range(ROWS):
        row = {**example, names[0]: f"{form.table}{number}"}
        for name in chance.sample(names[1:], chance.choice([0, 1, 1, 2])):
            row[name] = chance.choice(VALUES)
        rows.append(row)
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = ingest(Workspace(tmp_path / "data"), path, now=NOW)
    assert done.table == form.table
    assert done.rejects is not None
    refused = {json.loads(line)["row"]: json.loads(line)["reasons"] for line in done.rejects.read_text().splitlines()}
    passing = validator(form)
    passed = {number for number, row in enumerate(rows, start=1) if passing.is_valid(row)}
    assert {number: reasons for number, reasons in refused.items() if number in passed} == {}
    # and the schema is no sieve without holes: where it refuses, Shoal mostly does too
    stricter = set(range(1, ROWS + 1)) - passed - set(refused)
    assert len(stricter) < len(refused)
    assert len(passed) > ROWS / 4


@pytest.mark.parametrize("form", FORMATS, ids=[form.table for form in FORMATS])
def test_the_examples_pass(form: Format, tmp_path: Path) -> None:
    example = {name: example for name, _, _, _, example in rows_of(form)}
    validator(form).validate(example)
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(example))
    assert ingest(Workspace(tmp_path / "data"), path, now=NOW).appended == 1


def test_a_missing_target_is_seen_by_both(tmp_path: Path) -> None:
    row = {"account_id": "a", "kind": "like", "at": "2026-09-01T10:00:00Z"}
    assert not validator(FORMATS[0]).is_valid(row)
    assert not validator(FORMATS[0]).is_valid({**row, "target_id": " "})
    assert validator(FORMATS[0]).is_valid({**row, "kind": "note"})
    assert validator(FORMATS[0]).is_valid({**row, "target_id": "n", "mood": {"of": "its own"}, "format_version": 1})
    assert not validator(FORMATS[0]).is_valid({**row, "target_id": "n", "format_version": 2})
