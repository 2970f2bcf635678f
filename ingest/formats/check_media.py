"""Answers of `shoal check-media --json`: what media say of where they come from, and their perceptual hashes.

One line a picture or video; `file` is the name that interactions have for it in `media`. A platform that keeps PDQ
hashes of its own needs `file`, `status` ("none"), `markers` ([]) and `hash` ({"pdq": "..."}): cropped and mirrored
variants are compared where they are given, and a picture without a `quality` counts as one with enough to see.
"""

from __future__ import annotations

from ingest.media import VARIANTS
from ingest.provenance.marker import ERROR, GENERATED, MEANING, PARTLY, POSSIBLY, SILENT, SUSPECTED
from ingest.schema import ID, TEXT, Field, Format, strings, text, whole

RECOGNISED = "fields file, status and markers"

_SAYS = ", ".join(f"'{word}'" for word in (GENERATED, PARTLY, POSSIBLY, SUSPECTED, SILENT))
_VARIANTS = ", ".join(f"json_extract_string(h, '$.variants.\"{name}\"')" for name in VARIANTS[1:])
HASHES = (
    (
        f"len({{v}}) NOT IN (1, {len(VARIANTS)}) OR "
        "NOT list_bool_and(list_transform({v}, lambda h: regexp_full_match(h, '[0-9a-f]{{64}}')))"
    ),
    f"holds no PDQ hash of 64 hexadecimal digits, alone or with all {len(VARIANTS) - 1} variants",
)
FORMATS = (
    Format(
        "check-media",
        "media",
        (
            Field("media_id", text, source="file", required=True, check=ID),
            Field("status", text, required=True, allowed=tuple(word for word in MEANING if word != ERROR)),
            Field("says", text),
            Field(
                "markers", text, check=(*TEXT, ("NOT json_valid({v}) OR left({v}, 1) <> '['", "is no list of markers"))
            ),
            Field(
                "quality", whole, check=(("{v} IS NULL OR {v} NOT BETWEEN 0 AND 100", "is no number from 0 to 100"),)
            ),
            Field("hashes", strings, source="hash", check=(HASHES,)),
        ),
        told_by=("file", "status", "markers"),
        asks=("file", "status", "markers", "hash"),
        rows=f"""
            SELECT source_row, file, status, markers, json_extract_string(h, '$.quality') AS quality,
                list_filter([{_SAYS}], lambda w: list_contains(json_extract_string(m, '$[*].says'), w))[1] AS says,
                CASE WHEN h IS NOT NULL
                    THEN list_filter([json_extract_string(h, '$.pdq'), {_VARIANTS}], lambda x: x IS NOT NULL)
                END AS hash
            FROM (
                SELECT *, CASE WHEN json_valid(hash) AND hash <> 'null' THEN hash::JSON END AS h,
                    CASE WHEN json_valid(markers) THEN markers::JSON END AS m
                FROM given
            )
        """,
    ),
)
