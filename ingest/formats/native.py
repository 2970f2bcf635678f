"""Shoal's own format: interactions, accounts and labels.

docs/reference/format.md describes it field by field; it is made from the declarations here.
"""

from __future__ import annotations

from graph.model import KINDS, LABEL_SOURCES, LABELS
from ingest.schema import ID, LIST, SHARE, TEXT, TIME, TRUTH, Field, Format, microseconds, number, strings, text, truth

VERSION = 1  # what the column format_version may say; rises when a column changes its meaning

RECOGNISED = (
    "interactions: columns account_id, kind and at; accounts: account_id and another column of accounts; "
    "labels: account_id, label, source and at"
)
NEEDS_TARGET = ("{kind} <> 'note' AND {target_id} IS NULL", "target_id: empty; every kind but note acts on something")
INTERACTIONS = Format(
    "native",
    "interactions",
    (
        Field("event_id", text, check=ID, example="e-20931"),
        Field("account_id", text, required=True, check=ID, example="bob"),
        Field("kind", text, required=True, allowed=KINDS, example="comment"),
        Field("at", microseconds, required=True, check=TIME, example="2026-09-01T10:00:20+08:00"),
        Field("target_id", text, check=ID, example="note-1"),
        Field("content_id", text, check=ID, example="comment-77"),
        Field("text", text, check=TEXT, example="What a lovely colour!"),
        Field("urls", strings, check=LIST, example=["https://shop.example/b?a=1"]),
        Field("hashtags", strings, check=LIST, example=["sea", "sun"]),
        Field("media", strings, check=LIST, example=["pictures/77.jpg"]),
        Field("conversation_id", text, check=ID, example="note-1"),
        Field("client", text, check=ID, example="web"),
        Field("device_id", text, check=ID, example="d-5f1c"),
    ),
    row_checks=(NEEDS_TARGET,),
    version=VERSION,
    keeps_unknown=True,
)
ACCOUNTS = Format(
    "native",
    "accounts",
    (
        Field("account_id", text, required=True, check=ID, example="bob"),
        Field("registered_at", microseconds, check=TIME, example="2026-08-30T02:00:00Z"),
        Field("registration_client", text, check=ID, example="hosting-tool-alpha"),
        Field("device_id", text, check=ID, example="d-5f1c"),
        Field("verified_role", text, check=ID, example="brand"),
        Field("declared_automation", truth, check=(TRUTH,), example=False),
    ),
    any_of=("registered_at", "registration_client", "device_id", "verified_role", "declared_automation"),
    version=VERSION,
    keeps_unknown=True,
)
LABELS_TABLE = Format(
    "native",
    "labels",
    (
        Field("label_id", text, check=ID, example="l-8"),
        Field("account_id", text, required=True, check=ID, example="bob"),
        Field("label", text, required=True, allowed=LABELS, example="registered_by_tool"),
        Field("source", text, required=True, allowed=LABEL_SOURCES, example="platform"),
        Field("at", microseconds, required=True, check=TIME, example=1_788_256_900_000_000),
        Field(
            "confidence",
            number,
            check=(SHARE,),
            example=0.99,
        ),
    ),
    version=VERSION,
    keeps_unknown=True,
)
FORMATS = (INTERACTIONS, ACCOUNTS, LABELS_TABLE)
