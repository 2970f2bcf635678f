"""CooRTweet's input: object_id, account_id, content_id, timestamp_share (seconds). Channel `share`."""

from __future__ import annotations

from ingest.schema import ID, TIME, Field, Format, seconds, text

SECONDS = (
    ("{v} IS NULL", "is no time: expected seconds since 1970, UTC"),
    (TIME[1][0], "is before 2000: expected seconds since 1970, UTC"),
    TIME[2],
)


def _share(_raw: str, _kind: str) -> str:
    return "'share'"


RECOGNISED = "columns account_id, object_id and timestamp_share"
FORMATS = (
    Format(
        "coortweet",
        "actions",
        (
            Field("account_id", text, required=True, check=ID),
            Field("channel", _share, source="object_id"),  # this format knows one channel
            Field("object_id", text, required=True, check=ID),
            Field("at", seconds, source="timestamp_share", required=True, check=SECONDS),
            Field("content_id", text, check=ID),
        ),
    ),
)
