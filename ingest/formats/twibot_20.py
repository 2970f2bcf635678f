"""TwiBot-20's JSON: accounts and labels. Its tweets and neighbours tell no time, so they are not stored.

A file is one array of users with ID, profile, tweet, neighbor, domain and, but in the support set, label. Label 1 (bot)
is read as `ai_hosted`, which is the nearest there is and not the same; 0 as `genuine`. Labels tell no time either: they
count from the end of 2020, the year in which the data were collected.
"""

from __future__ import annotations

from ingest.schema import ID, TIME, Field, Format, one_of, text

RECOGNISED = "fields ID and profile, and tweet, neighbor or domain"

KNOWN_FROM = 1_609_459_200_000_000  # 2021-01-01
TWITTER_TIME = "'%a %b %d %H:%M:%S %z %Y'"  # Tue Nov 18 10:27:25 +0000 2008
USERS = ("ID", "profile")
PARTS = ("tweet", "neighbor", "domain")
UNTIMED = "its tweets and neighbours tell no time and are not stored"


def twitter_time(raw: str, _kind: str) -> str:
    """The time of Twitter's first API."""
    return f"epoch_us(try_strptime(trim({raw}), {TWITTER_TIME}))"


def known_from(at: int) -> Field:
    """The time of labels that tell none."""
    return Field("at", lambda _raw, _kind: f"{at}::BIGINT", source="account_id")


def read_label(bot: str, human: str) -> Field:
    """What these labels are read as."""
    return Field(
        "label",
        lambda raw, _kind: f"CASE trim({raw}) WHEN '{bot}' THEN 'ai_hosted' WHEN '{human}' THEN 'genuine' END",
        source="label",
        required=True,
        check=(("{v} IS NULL", one_of((bot, human))[1]),),
    )


REVIEWED = Field("source", lambda _raw, _kind: "'review'", source="account_id")
ACCOUNT = Field("account_id", text, required=True, check=ID)
FORMATS = (
    Format(
        "twibot-20",
        "accounts",
        (
            ACCOUNT,
            Field("registered_at", twitter_time, source="created_at", check=(("{v} IS NULL", "is no time"), *TIME[1:])),
            Field("verified_role", text, check=ID),
        ),
        told_by=USERS,
        any_of=PARTS,
        asks=("ID", "profile"),
        rows="SELECT source_row, trim(ID) AS account_id, v[1] AS created_at, "
        "CASE WHEN lower(trim(v[2])) = 'true' THEN 'verified' END AS verified_role "
        "FROM (SELECT *, json_extract_string(CASE WHEN json_valid(profile) THEN profile END, "
        "['/created_at', '/verified']) AS v FROM given)",
        left_out=UNTIMED,
    ),
    Format(
        "twibot-20",
        "labels",
        (ACCOUNT, read_label("1", "0"), REVIEWED, known_from(KNOWN_FROM)),
        told_by=USERS,
        any_of=PARTS,
        asks=("ID", "label"),
        rows="SELECT source_row, trim(ID) AS account_id, label FROM given WHERE label IS NOT NULL",
    ),
)
