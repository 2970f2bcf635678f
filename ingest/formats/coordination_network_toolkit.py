"""coordination-network-toolkit's CSV as interactions: reposts are shares, replies are replies, the rest are notes."""

from __future__ import annotations

from collections.abc import Mapping

from graph.errors import InputError
from graph.model import MAX_ID_CHARS
from ingest.formats.coortweet import SECONDS
from ingest.schema import ID, LONG, TEXT, Field, Format, seconds, text

REPOST, REPLY = "nullif(trim(repost_id::VARCHAR), '')", "nullif(trim(reply_id::VARCHAR), '')"


class ToolkitFormat(Format):
    """The toolkit's columns; which kind a message is, two columns tell together."""

    def require(self, columns: Mapping[str, str], where: str) -> None:
        """Raise InputError naming the columns that the file lacks; repost_id and reply_id may be empty, not absent."""
        super().require(columns, where)
        missing = [c for c in ("repost_id", "reply_id") if c not in columns]
        if missing:
            raise InputError(
                f"{where}: missing column {', '.join(missing)}; format {self.name} needs repost_id and reply_id, "
                "empty where a message is neither"
            )


def _kind(_raw: str, _type: str) -> str:
    return f"CASE WHEN {REPOST} IS NOT NULL THEN 'share' WHEN {REPLY} IS NOT NULL THEN 'reply' ELSE 'note' END"


def _target(_raw: str, _type: str) -> str:
    return f"coalesce({REPOST}, {REPLY})"


def _own_text(raw: str, kind: str) -> str:
    """The message, but for a repost: its text is another's, and its template would only say "share" again."""
    return f"CASE WHEN {REPOST} IS NULL THEN {text(raw, kind)} END"


def _own_urls(raw: str, _kind: str) -> str:
    """The links between spaces; none of a repost."""
    links = f"list_filter(string_split({raw}::VARCHAR, ' '), lambda x: x <> '')"
    return f"CASE WHEN {REPOST} IS NULL THEN {links} END"


RECOGNISED = "columns message_id, user_id, timestamp, repost_id and reply_id"
FORMATS = (
    ToolkitFormat(
        "coordination-network-toolkit",
        "interactions",
        (
            Field("event_id", text, source="message_id", required=True, check=ID),
            Field("account_id", text, source="user_id", required=True, check=ID),
            Field("kind", _kind, source="repost_id"),
            Field("target_id", _target, source="reply_id"),
            Field("at", seconds, source="timestamp", required=True, check=SECONDS),
            Field("content_id", text, source="message_id", check=ID),
            Field("text", _own_text, source="message", check=TEXT),
            Field("urls", _own_urls, source="urls", check=(LONG,)),
        ),
        row_checks=(
            (f"length({{target_id}}) > {MAX_ID_CHARS}", f"repost_id, reply_id: longer than {MAX_ID_CHARS} characters"),
            ("regexp_matches({target_id}, '[[:cntrl:]]')", "repost_id, reply_id: holds control characters"),
        ),
        told_by=("message_id", "user_id", "timestamp", "repost_id", "reply_id"),
    ),
)
