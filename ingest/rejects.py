"""The reject file: every refused row with its reasons, so that its owner can mend and send it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graph.model import PRIVATE_KINDS
from ingest.readers import KEPT_CHARS


def write_rejects(connection: Any, target: Path, source: str) -> Path:
    """Write one JSON object a refused row: file, row, reasons, record; whole or not at all.

    Reads `raw`, `checked` and `broken` (ingest.load). Long fields are cut, and private text is left out.
    """
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [n for n, *_ in connection.execute("DESCRIBE raw").fetchall() if n != "source_row"]
    values = ", ".join(_shown(n, private="kind" in names) for n in names)
    reader = connection.sql(
        f"SELECT source_row, reasons, to_json({{{values}}}) AS record FROM checked JOIN raw USING (source_row) "
        "WHERE len(reasons) > 0 "
        "UNION ALL SELECT source_row, [reason], to_json(raw_text) FROM broken ORDER BY source_row"
    ).to_arrow_reader(10_000)
    temporary = target.with_suffix(".tmp")
    with temporary.open("w", encoding="utf-8") as file:
        temporary.chmod(0o600)
        for batch in reader:
            for row in batch.to_pylist():
                said = {"file": source, "row": row["source_row"], "reasons": row["reasons"]}
                file.write(json.dumps({**said, "record": json.loads(row["record"])}, ensure_ascii=False) + "\n")
    temporary.replace(target)
    return target


def _shown(name: str, *, private: bool) -> str:
    """SQL of one field of the record."""
    key, column = name.replace("'", "''"), name.replace('"', '""')
    value = f'left(raw."{column}"::VARCHAR, {KEPT_CHARS})'
    if name in ("text", "urls", "hashtags") and private:
        kinds = ", ".join(f"'{k}'" for k in PRIVATE_KINDS)
        value = f"CASE WHEN raw.kind IN ({kinds}) THEN NULL ELSE {value} END"
    return f"'{key}': {value}"
