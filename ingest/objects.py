"""Actions from interactions: one row per account, object and channel.

Everything that can be acted on together becomes an object; its id says what it is (note:..., url:..., template:...).

    channel            object                          an action is
    comment, like, ..  note, account or group chat     the interaction itself, on its target
    url                url:<one spelling>              a link in a text (ingest.urls)
    hashtag            hashtag:<form>                  a hashtag in a text (ingest.texts)
    hashtag_sequence   hashtags:<forms>                three hashtags or more, in their order
    template           template:<id>                   a public text (ingest.templates)
    message_template   template:private-<id>           the text of a private message or in a group chat
    media              media:<hash>                    a picture in a public interaction (ingest.media_log)

Of private texts only keyed stand-ins leave this module. Each distinct text, link and hashtag is read once, not once a
row. docs/decisions/0013 tells why these channels and no others.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from graph.log import EventLog
from graph.model import PRIVATE_KINDS
from ingest import templates
from ingest.texts import SEQUENCE, sequence_form, tag_form
from ingest.urls import canonical

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

_PRIVATE = f"kind IN ({', '.join(repr(k) for k in PRIVATE_KINDS)})"


def derive(connection: Any, log: EventLog, source: str, key: str) -> tuple[str, pa.Table]:
    """Make ready what the action table of `source` is read from.

    Args:
        connection: of the log.
        log: what was ingested before: templates are looked up there.
        source: SQL of a table with the columns of INTERACTIONS, all that private ones hold included.
        key: the secret that private texts are keyed with.

    Returns:
        SQL of the action table, and the templates first seen here (graph.model.TEMPLATES).
    """
    held = _held(connection, source, key)
    texts = connection.sql(
        f"SELECT text, {_PRIVATE} AS private, count(*) AS uses FROM {source} WHERE text IS NOT NULL GROUP BY ALL"
    ).to_arrow_table()
    named, leaders = templates.assign(connection, log, texts, key)
    connection.register("_held", held)
    connection.register("_templates", named)
    return _actions(source), leaders


def _held(connection: Any, source: str, key: str) -> pa.Table:
    """What links and hashtags stand for: channel, private, raw (the list as it was), object_id."""
    rows: list[tuple[str, bool, str, str]] = []

    def add(channel: str, prefix: str, private: bool, raw: str, value: str | None) -> None:
        if value:
            rows.append((channel, private, raw, prefix + (templates.stand_in(value, key) if private else value)))

    for column, channel, form in (("urls", "url", canonical), ("hashtags", "hashtag", tag_form)):
        distinct = connection.execute(f"SELECT DISTINCT {_PRIVATE}, unnest({column}) AS raw FROM {source}").fetchall()
        for private, raw in distinct:
            add(channel, f"{channel}:", private, raw, form(raw))
    lists = connection.execute(
        f"SELECT DISTINCT {_PRIVATE}, hashtags, to_json(hashtags)::VARCHAR FROM {source} "
        f"WHERE len(hashtags) >= {SEQUENCE}"
    ).fetchall()
    for private, tags, raw in lists:
        add("hashtag_sequence", "hashtags:", private, raw, sequence_form([t for t in tags if t is not None]))
    names = ("channel", "private", "raw", "object_id")
    types = (pa.string(), pa.bool_(), pa.string(), pa.string())
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pa.table({n: pa.array(list(c), t) for n, c, t in zip(names, columns, types, strict=True)})


def _actions(source: str) -> str:
    """SQL of the action table, over the tables that `derive` registers."""
    kinds = " ".join(f"WHEN '{kind}' THEN '{prefix}:'" for kind, prefix in TARGETS.items())
    same = 'event_id, account_id, "at", content_id'
    return f"""
        WITH new AS (SELECT *, {_PRIVATE} AS private FROM {source}),
        raws AS (
            SELECT {same}, private, 'url' AS channel, unnest(urls) AS raw FROM new
            UNION ALL
            SELECT {same}, private, 'hashtag', unnest(hashtags) FROM new
            UNION ALL
            SELECT {same}, private, 'hashtag_sequence', to_json(hashtags)::VARCHAR FROM new
            WHERE len(hashtags) >= {SEQUENCE}
        ),
        objects AS (
            SELECT {same}, kind AS channel, CASE kind {kinds} END || target_id AS object_id
            FROM new WHERE kind <> 'note'
            UNION ALL  -- one text may name an object twice; nothing else makes two rows of one key
            SELECT DISTINCT {same}, channel, object_id FROM raws JOIN _held USING (channel, private, raw)
            UNION ALL
            SELECT {same}, CASE WHEN private THEN 'message_template' ELSE 'template' END, 'template:' || template_id
            FROM new JOIN _templates USING (private, text)
            UNION ALL
            SELECT DISTINCT {same}, 'media', object_id
            FROM (SELECT {same}, unnest(new.media) AS media_id FROM new WHERE NOT private) JOIN media USING (media_id)
        )
        SELECT event_id, account_id, channel, object_id, "at", content_id
        FROM objects WHERE object_id IS NOT NULL
        ORDER BY "at", event_id, channel, object_id
    """
