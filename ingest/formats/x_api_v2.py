"""Responses of X's API v2: pages of posts and users as JSON, or one post a line as twarc flattens them.

A page is `{"data": ..., "includes": ..., "meta": ...}`. Every post in `data` and in `includes.tweets` becomes an
interaction, every user in `data` and `includes.users` an account; a post that stands there several times counts once.
A repost is a share without text (the text is another's), a quote a share with its own, an answer a reply, the rest are
notes. Posts need the fields author_id and created_at, which X leaves out unless asked (`tweet.fields`).
"""

from __future__ import annotations

from ingest.schema import ID, LIST, TEXT, TIME, Field, Format, microseconds, strings, text

RECOGNISED = "fields data and includes, meta, errors or matching_rules; or id (a number), author_id and created_at"

POST = (
    "id",
    "author_id",
    "created_at",
    "text",
    "note_tweet",
    "source",
    "referenced_tweets",
    "entities",
    "conversation_id",
)
KEPT = ("in_reply_to_user_id", "lang")  # as extras
PAGE = ("data", "includes")

# each record of the pages, in the order of the file: first what was asked for, then what came with it
RECORDS = """
    SELECT unnest(CASE WHEN json_type(page) = 'ARRAY' THEN json_extract(page, '$[*]') ELSE [page] END) AS record
    FROM (SELECT CASE WHEN json_valid(data) THEN data::JSON END AS page FROM given) WHERE page IS NOT NULL
    UNION ALL
    SELECT unnest(json_extract(CASE WHEN json_valid(includes) THEN includes::JSON END, '$.{included}[*]'))
    FROM given
"""


def posts(source: str, number: str) -> str:
    """SQL of posts as interactions, from SQL of a table with the columns POST and KEPT as text."""
    kinds = (
        "CASE reference.type WHEN 'replied_to' THEN 'reply' WHEN 'retweeted' THEN 'share' WHEN 'quoted' THEN 'share'"
    )
    return f"""
        SELECT {number} AS source_row, id, author_id, created_at, {kinds} ELSE 'note' END AS kind,
            reference.id AS target_id, source, conversation_id, {", ".join(KEPT)},
            CASE WHEN NOT repost THEN coalesce(json_extract_string(note, '$.text'), text) END AS text,
            CASE WHEN NOT repost THEN list_transform(
                from_json(json_extract(held, '$.urls'),
                    '[{{"unwound_url": "VARCHAR", "expanded_url": "VARCHAR", "url": "VARCHAR"}}]'),
                lambda u: coalesce(u.unwound_url, u.expanded_url, u.url)) END AS urls,
            CASE WHEN NOT repost THEN list_transform(
                from_json(json_extract(held, '$.hashtags'), '[{{"tag": "VARCHAR"}}]'), lambda t: t.tag
            ) END AS hashtags
        FROM (
            SELECT *, coalesce(reference.type = 'retweeted', false) AS repost
            FROM (
                SELECT *, coalesce(
                    list_filter(named, lambda r: r.type = 'retweeted')[1],
                    list_filter(named, lambda r: r.type = 'replied_to')[1],
                    list_filter(named, lambda r: r.type = 'quoted')[1]) AS reference
                FROM (
                    SELECT *, CASE WHEN json_valid(note_tweet) THEN note_tweet::JSON END AS note,
                        CASE WHEN json_valid(entities) THEN entities::JSON END AS held,
                        from_json(CASE WHEN json_valid(referenced_tweets) THEN referenced_tweets::JSON END,
                            '[{{"type": "VARCHAR", "id": "VARCHAR"}}]') AS named
                    FROM ({source})
                )
            )
        )
    """


def _records(included: str, names: tuple[str, ...], which: str) -> str:
    paths = ", ".join(f"'/{name}'" for name in names)
    values = ", ".join(f"v[{place}] AS {name}" for place, name in enumerate(names, start=1))
    return (
        f"SELECT {values} FROM (SELECT json_extract_string(record, [{paths}]) AS v "
        f"FROM ({RECORDS.format(included=included)}) WHERE {which})"
    )


INTERACTIONS = (
    Field("event_id", text, source="id", required=True, check=ID),
    Field("account_id", text, source="author_id", required=True, check=ID),
    Field("kind", text, source="kind", required=True),
    Field("at", microseconds, source="created_at", required=True, check=TIME),
    Field("target_id", text, check=ID),
    Field("content_id", text, source="id", check=ID),
    Field("text", text, check=TEXT),
    Field("urls", strings, check=LIST),
    Field("hashtags", strings, check=LIST),
    Field("conversation_id", text, check=ID),
    Field("client", text, source="source", check=ID),
)
TARGET = (("{kind} <> 'note' AND {target_id} IS NULL", "referenced_tweets: a reference without an id"),)
USER = ("id", "created_at", "verified_type", "username")
ACCOUNTS = (
    Field("account_id", text, source="id", required=True, check=ID),
    Field("registered_at", microseconds, source="created_at", check=TIME),
    Field("verified_role", text, source="verified_role", check=ID),
)
IN_PAGES = ("includes", "meta", "errors", "matching_rules")
FORMATS = (
    Format(
        "x-api-v2",
        "interactions",
        INTERACTIONS,
        row_checks=TARGET,
        told_by=("data",),
        any_of=IN_PAGES,
        asks=PAGE,
        rows=posts(
            _records("tweets", (*POST, *KEPT), "json_extract(record, '$.username') IS NULL"), "row_number() OVER ()"
        ),
        keeps_unknown=True,
    ),
    Format(
        "x-api-v2",
        "accounts",
        ACCOUNTS,
        told_by=("data",),
        any_of=IN_PAGES,
        asks=PAGE,
        # a paid badge tells no role; what X checked does
        rows="SELECT row_number() OVER () AS source_row, id, created_at, username, "
        "CASE WHEN verified_type IN ('business', 'government') THEN verified_type END AS verified_role FROM ("
        + _records("users", USER, "json_extract(record, '$.username') IS NOT NULL")
        + ")",
        keeps_unknown=True,
    ),
    Format(
        "x-api-v2",
        "interactions",
        INTERACTIONS,
        row_checks=TARGET,
        told_by=("id", "author_id", "created_at"),
        looks="regexp_full_match(id::VARCHAR, '[0-9]+')",
        asks=(*POST, *KEPT),
        rows=posts("SELECT * FROM given", "source_row"),
        keeps_unknown=True,
    ),
)
