"""Actions from interactions: one row per account, object and channel.

Everything that can be acted on together becomes an object; its id says what it is (note:..., url:..., template:...).
"""

from __future__ import annotations

from graph.model import PRIVATE_KINDS
from ingest.templates import hidden, template_id

# what the target of a kind is; a `note` acts on nothing but what its text holds
TARGETS = {
    "comment": "note",
    "reply": "note",
    "like": "note",
    "share": "note",
    "collect": "note",
    "view": "note",
    "message": "account",
    "follow": "account",
    "group_message": "group",
}


def actions_sql(source: str) -> str:
    """SQL of the action table of `source` (columns of INTERACTIONS, private texts, links and hashtags included).

    Of private texts only keyed stand-ins leave this statement. Parameter: $key, the secret they are keyed with.
    """
    kinds = " ".join(f"WHEN '{kind}' THEN '{prefix}:'" for kind, prefix in TARGETS.items())
    private = f"kind IN ({', '.join(repr(k) for k in PRIVATE_KINDS)})"

    def value(sql: str) -> str:
        return f"CASE WHEN {private} THEN {hidden(sql)} ELSE {sql} END"

    return f"""
        WITH held AS (
            SELECT event_id, kind, 'url' AS channel, regexp_replace(unnest(urls), '#.*$', '') AS value FROM {source}
            UNION ALL
            SELECT event_id, kind, 'hashtag', lower(nfc_normalize(ltrim(unnest(hashtags), '#＃'))) FROM {source}
        ),
        objects AS (
            SELECT event_id, kind AS channel, CASE kind {kinds} END || target_id AS object_id
            FROM {source} WHERE kind <> 'note'
            UNION ALL
            SELECT event_id, channel, channel || ':' || {value("value")} FROM held WHERE value <> ''
            UNION ALL
            SELECT event_id, 'template', 'template:' || {template_id("text", private)}
            FROM {source} WHERE text IS NOT NULL
        )
        SELECT DISTINCT o.event_id, i.account_id, o.channel, o.object_id, i."at", i.content_id
        FROM objects o JOIN {source} i USING (event_id) WHERE o.object_id IS NOT NULL
        ORDER BY i."at", o.event_id, o.channel, o.object_id
    """
