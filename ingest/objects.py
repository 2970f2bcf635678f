"""Actions from interactions: one row per account, object and channel.

Everything that can be acted on together becomes an object; its id says what it is (note:..., url:..., template:...).
"""

from __future__ import annotations

from graph.model import PRIVATE_KINDS
from ingest.templates import template_id

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


def actions_sql(source: str, texts: str) -> str:
    """SQL of the action table of `source` (columns of INTERACTIONS).

    `texts` has event_id, kind and text, private text included; only its template leaves this statement.
    Parameter: $key, the secret for private templates.
    """
    kinds = " ".join(f"WHEN '{kind}' THEN '{prefix}:'" for kind, prefix in TARGETS.items())
    private = ", ".join(f"'{k}'" for k in PRIVATE_KINDS)
    key = f"CASE WHEN kind IN ({private}) THEN $key ELSE '' END"
    return f"""
        WITH objects AS (
            SELECT event_id, kind AS channel, CASE kind {kinds} END || target_id AS object_id
            FROM {source} WHERE kind <> 'note'
            UNION ALL
            SELECT event_id, 'url', 'url:' || regexp_replace(unnest(urls), '#.*$', '') FROM {source}
            UNION ALL
            SELECT event_id, 'hashtag', 'hashtag:' || lower(nfc_normalize(ltrim(unnest(hashtags), '#＃'))) FROM {source}
            UNION ALL
            SELECT event_id, 'template', 'template:' || {template_id("text", key)} FROM {texts} WHERE text IS NOT NULL
        )
        SELECT DISTINCT o.event_id, i.account_id, o.channel, o.object_id, i."at", i.content_id
        FROM objects o JOIN {source} i USING (event_id) WHERE o.object_id IS NOT NULL
        ORDER BY i."at", o.event_id, o.channel, o.object_id
    """
