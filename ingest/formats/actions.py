"""The action table itself, for sources that know objects and nothing else."""

from __future__ import annotations

from ingest.schema import ID, TIME, Field, Format, microseconds, text

RECOGNISED = "columns account_id, channel, object_id and at"
FORMATS = (
    Format(
        "actions",
        "actions",
        (
            Field("event_id", text, check=ID),
            Field("account_id", text, required=True, check=ID),
            Field("channel", text, required=True, check=(*ID, ("{v} = 'all'", "stands for all channels together"))),
            Field("object_id", text, required=True, check=ID),
            Field("at", microseconds, required=True, check=TIME),
            Field("content_id", text, check=ID),
        ),
    ),
)
