"""The reference pages on input: the native format, its JSON Schema, and what becomes of bad input."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from markdown import row
from tree import ROOT

CONTROL = re.compile(r"[\x00-\x1f]")
ABOUT = """# The native format

Version {version}. Three tables, each a CSV, JSON Lines, JSON (one array) or Parquet file; all but the last may be
compressed by gzip or zstd. Which table a file holds is told by its columns. [native.schema.json](native.schema.json)
says the same as a JSON Schema for one line: `interactions`, `accounts` and `labels` under its `$defs`.

- **Version.** A column `format_version` may say which version a row is of. Shoal reads version {version}, which is
  meant where it is missing or empty. A file with another version in any row is refused whole.
- **Unknown columns are kept**, as one JSON object a row, in the table [extras](tables.md#extras) of the event log.
  Detection does not read them. Those of private interactions (`message`, `group_message`) are not kept, because they
  may hold private text; of a row that comes again, those that came first stay.
- **Empty** and missing fields are the same. Blanks around a value are taken away. In CSV a list is a JSON array in a
  cell.
- What is refused, and how it is said: [bad input](bad-input.md).
"""
BAD = """# Bad input

{count} cases, each a test. A rejected row is kept in the reject file with its reasons; a refused file leaves the
event log as it was. Rows are numbered from 1 without the header: in CSV a row is a record, in JSON Lines a line, in a
JSON file an element of its array. `shoal coact` and `shoal windows` refuse a file whole where times are in another
unit than the others.
"""


def native() -> str:
    """The native format, field by field, from ingest.formats.native."""
    from graph.model import LOG_TABLES
    from ingest.describe import rows_of
    from ingest.formats.native import FORMATS, VERSION

    lines = [ABOUT.format(version=VERSION).rstrip()]
    for form in FORMATS:
        lines += ["", f"## {form.table}", "", f"Key: {', '.join(f'`{c}`' for c in LOG_TABLES[form.table].key)}.", ""]
        lines += row("field", "", "holds", "meaning", "example")
        lines += row("---", "---", "---", "---", "---")
        for name, required, holds, meaning, example in rows_of(form):
            lines += row(f"`{name}`", required, holds, meaning, f"`{json.dumps(example, ensure_ascii=False)}`")
        for _, wrong in form.row_checks:
            lines += ["", f"Rejected as well: {wrong}."]
        if form.any_of:
            lines += ["", f"A file of {form.table} has one of {', '.join(f'`{c}`' for c in form.any_of)} at least."]
        line = {field.name: field.example for field in form.fields}
        lines += ["", "```json", json.dumps(line, ensure_ascii=False), "```"]
    return "\n".join(lines) + "\n"


def schema() -> str:
    """The native format as a JSON Schema."""
    from ingest.describe import json_schema

    return json.dumps(json_schema(), indent=1, ensure_ascii=True) + "\n"


def bad_input() -> str:
    """What becomes of bad input, from the table that tests/ingest/test_corpus.py holds Shoal to."""
    sys.path.insert(0, str(ROOT / "tests" / "ingest"))
    from corpus import CASES

    lines = [BAD.format(count=sum(map(len, CASES.values()))).rstrip()]
    for group, cases in CASES.items():
        lines += ["", f"## {group}", "", *row("in the file", "what happens", "said"), *row("---", "---", "---")]
        for case in cases:
            lines += row(f"{case.what} (`{case.name}`)", *_fate(case))
    return "\n".join(lines) + "\n"


def _fate(case: Any) -> tuple[str, str]:
    if case.refused:
        return "refused whole", f"`...{case.refused}...`"
    kept = f"{case.appended} row{'' if case.appended == 1 else 's'} stored"
    if not case.rejected:
        return kept, ""
    rows = ", ".join(map(str, case.rejected))
    said = "; ".join(f"`...{CONTROL.sub('?', reason)}...`" for reason in case.rejected.values())
    return f"{kept}, row {rows} rejected", said
