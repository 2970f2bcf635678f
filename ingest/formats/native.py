"""Shoal's own format: three tables. docs/reference/tables.md lists the columns."""

from __future__ import annotations

from graph.model import KINDS, LABEL_SOURCES, LABELS
from ingest.schema import (
    ID,
    LIST,
    LONG,
    TIME,
    Field,
    Format,
    microseconds,
    number,
    one_of,
    strings,
    text,
    truth,
)

INTERACTIONS = Format(
    "native",
    "interactions",
    (
        Field("event_id", text, check=ID),
        Field("account_id", text, required=True, check=ID),
        Field("kind", text, required=True, check=(one_of(KINDS),)),
        Field("at", microseconds, required=True, check=TIME),
        Field("target_id", text, check=ID),
        Field("content_id", text, check=ID),
        Field("text", text, check=(LONG,)),
        Field("urls", strings, check=LIST),
        Field("hashtags", strings, check=LIST),
        Field("client", text, check=ID),
        Field("device_id", text, check=ID),
    ),
    row_checks=(
        ("{kind} <> 'note' AND {target_id} IS NULL", "target_id: empty; every kind but note acts on something"),
    ),
)
ACCOUNTS = Format(
    "native",
    "accounts",
    (
        Field("account_id", text, required=True, check=ID),
        Field("registered_at", microseconds, check=TIME),
        Field("registration_client", text, check=ID),
        Field("device_id", text, check=ID),
        Field("verified_role", text, check=ID),
        Field("declared_automation", truth, check=(("{v} IS NULL", "is neither true nor false"),)),
    ),
)
LABELS_TABLE = Format(
    "native",
    "labels",
    (
        Field("label_id", text, check=ID),
        Field("account_id", text, required=True, check=ID),
        Field("label", text, required=True, check=(one_of(LABELS),)),
        Field("source", text, required=True, check=(one_of(LABEL_SOURCES),)),
        Field("at", microseconds, required=True, check=TIME),
        Field(
            "confidence",
            number,
            check=(("{v} IS NULL OR NOT ({v} BETWEEN 0 AND 1)", "is no number from 0 to 1"),),
        ),
    ),
)
FORMATS = (INTERACTIONS, ACCOUNTS, LABELS_TABLE)
