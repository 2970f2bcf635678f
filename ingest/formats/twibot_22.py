"""TwiBot-22's files: users, tweets and labels. Its edges tell no time, so they are set aside.

    user.json, node.json      arrays of users (id u...) and tweets (id t...) in the fields of X's API v2
    tweet_0.json ...          arrays of tweets, with author_id, created_at and referenced_tweets
    label.csv                 id, label (human or bot): bot is read as `ai_hosted`, the nearest there is
    edge.csv, split.csv, list.json, hashtag.json     set aside

Ids lose their letter, so that a user is the author of its tweets. What edges tell of posting, reposting, replying and
quoting stands in the tweets, with its time. Labels count from the end of 2022.
"""

from __future__ import annotations

from ingest.formats.twibot_20 import ACCOUNT, REVIEWED, TWITTER_TIME, known_from, read_label
from ingest.formats.x_api_v2 import INTERACTIONS, KEPT, POST, TARGET, posts
from ingest.schema import ID, TIME, Field, Format, microseconds, text

RECOGNISED = (
    "fields id (u or t before a number) and created_at; columns id and label; "
    "set aside: columns source_id, relation and target_id, or id and split"
)

KNOWN_FROM = 1_672_531_200_000_000  # 2023-01-01
NAME = "twibot-22"


def _bare(column: str) -> str:
    return f"regexp_replace(trim({column}::VARCHAR), '^[ut]', '')"


def _time(raw: str, kind: str) -> str:
    return f"coalesce({microseconds(raw, kind)}, epoch_us(try_strptime(trim({raw}), {TWITTER_TIME})))"


NODES = ("id", "created_at")
LOOKS = r"regexp_full_match(id::VARCHAR, '[ut]\d+')"
TWEETS = (
    f"SELECT * REPLACE ({_bare('id')} AS id, {_bare('author_id')} AS author_id) FROM given WHERE id::VARCHAR LIKE 't%'"
)
FORMATS = (
    Format(
        NAME,
        "interactions",
        INTERACTIONS,
        row_checks=TARGET,
        told_by=NODES,
        looks=LOOKS,
        asks=(*POST, *KEPT),
        rows=posts(TWEETS, "source_row"),
        keeps_unknown=True,
    ),
    Format(
        NAME,
        "accounts",
        (
            ACCOUNT,
            Field("registered_at", _time, source="created_at", check=TIME),
            Field("verified_role", text, check=ID),
        ),
        told_by=NODES,
        looks=LOOKS,
        asks=("id", "created_at", "verified"),
        rows=f"SELECT source_row, {_bare('id')} AS account_id, created_at, "
        "CASE WHEN lower(trim(verified::VARCHAR)) = 'true' THEN 'verified' END AS verified_role "
        "FROM given WHERE id::VARCHAR LIKE 'u%'",
    ),
    Format(
        NAME,
        "labels",
        (ACCOUNT, read_label("bot", "human"), REVIEWED, known_from(KNOWN_FROM)),
        told_by=("id", "label"),
        asks=("id", "label"),
        rows=f"SELECT source_row, {_bare('id')} AS account_id, label FROM given",
    ),
    Format(
        NAME,
        "edges",
        (),
        told_by=("source_id", "relation", "target_id"),
        aside="edges of TwiBot-22 tell no time; posts, reposts, replies and quotes stand in its tweets",
    ),
    Format(NAME, "splits", (), told_by=("id", "split"), aside="Shoal makes its own split"),
    Format(NAME, "lists", (), told_by=("id", "owner_id", "member_count"), aside="lists tell of no interaction"),
    Format(NAME, "hashtags", (), told_by=("id", "tag_name"), aside="hashtags stand in the tweets"),
)
