"""The reject file: every refused row with its reasons, so that its owner can mend and send it again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from ingest.readers import KEPT_CHARS, columns_of
from ingest.schema import PRIVATE_COLUMNS, PUBLIC, Format, among

AT_ONCE = 10_000  # rows


class Rejects:
    """The reject file of one source file: one JSON object a refused row, with file, row, reasons and record.

    It appears whole, on `finish`, and only if there is a refused row. Long fields are cut, and what a private
    interaction holds is left out.
    """

    def __init__(self, target: Path, source: str) -> None:
        self.target = target
        self.source = source
        self.first: dict[str, Any] | None = None
        self._file: TextIOWrapper | None = None

    def add(self, connection: Any, form: Format, *, broken: bool) -> None:
        """Add the refused rows of `checked` with what stands in `part`; with `broken`, also the unreadable records."""
        for row in refused(connection, form, broken=broken):
            said = {"file": self.source, **row}
            if self.first is None or row["row"] < self.first["row"]:
                self.first = said
            if self._file is None:
                self.target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._file = self._temporary.open("w", encoding="utf-8")
                self._temporary.chmod(0o600)
            self._file.write(json.dumps(said, ensure_ascii=False) + "\n")

    def finish(self) -> Path | None:
        """Let the file appear; None where no row was refused."""
        if self._file is None:
            return None
        self._file.close()
        return self._temporary.replace(self.target)

    def close(self) -> None:
        """Remove what was not finished."""
        if self._file is not None:
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    @property
    def _temporary(self) -> Path:
        return self.target.with_suffix(".tmp")


def refused(connection: Any, form: Format, *, broken: bool, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The refused rows in order: row, reasons, record."""
    names = [n for n in columns_of(connection, "part") if n not in form.dropped]
    values = ", ".join(f"'{_escaped(n)}': {_shown(n, form)}" for n in names)
    unreadable = "UNION ALL SELECT source_row, [reason], to_json(raw_text) FROM broken" if broken else ""
    reader = connection.sql(
        f"SELECT source_row, reasons, to_json({{{values}}})::VARCHAR AS record "
        "FROM checked JOIN part USING (source_row) WHERE len(reasons) > 0 "
        f"{unreadable} ORDER BY source_row {'' if limit is None else f'LIMIT {limit:d}'}"
    ).to_arrow_reader(AT_ONCE)
    for batch in reader:
        for row in batch.to_pylist():
            yield {"row": row["source_row"], "reasons": row["reasons"], "record": json.loads(row["record"])}


def _shown(name: str, form: Format) -> str:
    """SQL of one field of the record: cut, and null where it may hold a private text."""
    column = name.replace('"', '""')
    value = f'left(part."{column}"::VARCHAR, {KEPT_CHARS})'
    ours = {f.name for f in form.fields if f.column == name}
    if form.table == "interactions" and ours <= set(PRIVATE_COLUMNS):  # one that the format does not know may be one
        return f"CASE WHEN {among('checked.kind', PUBLIC)} THEN {value} END"
    return value


def _escaped(text: str) -> str:
    return text.replace("'", "''")
