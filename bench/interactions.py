"""Simple simulated interactions in columns, by the million: files in Shoal's native format, made by one statement.

Nothing in them is coordinated; they have the weight of a platform's export and not its meaning. Accounts and targets
have a heavy tail, every seventeenth row is private, a quarter of the rows have text, a third of them one of 2,000 texts
that many use. The same number of rows and the same seed give the same file.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

MAKE = """
    WITH drawn AS (
        SELECT
            i::BIGINT AS i,
            (hash(i, 1, $seed) % 1000000) / 1e6 AS a, (hash(i, 2, $seed) % 1000000) / 1e6 AS k,
            (hash(i, 3, $seed) % 1000000) / 1e6 AS o, (hash(i, 4, $seed) % 1000000) / 1e6 AS t,
            hash(i, 5, $seed) AS words, hash(i, 6, $seed) % 100 AS extra, hash(i, 7, $seed) AS device
        FROM range($rows) numbers(i)
    ),
    acted AS (
        SELECT
            *,
            CASE WHEN k < .45 THEN 'like' WHEN k < .63 THEN 'comment' WHEN k < .71 THEN 'share'
                WHEN k < .79 THEN 'collect' WHEN k < .84 THEN 'follow' WHEN k < .88 THEN 'message'
                WHEN k < .90 THEN 'group_message' ELSE 'note' END AS kind,
            CASE WHEN t < .33 THEN hash(words % 2000, $seed) ELSE words END AS said,
            floor($rows / 20 * pow(a, 2))::BIGINT AS account, floor($rows / 10 * pow(o, 4))::BIGINT AS target
        FROM drawn
    )
    SELECT
        'e' || i AS event_id,
        'acc-' || account AS account_id,
        kind,
        (1788000000000000 + i * (2419200000000 // $rows) + hash(i) % 1000000)::BIGINT AS "at",
        CASE kind WHEN 'note' THEN NULL WHEN 'follow' THEN 'acc-' || target // 2
            WHEN 'message' THEN 'acc-' || target // 2
            WHEN 'group_message' THEN 'grp-' || target // 50 ELSE 'note-' || target END AS target_id,
        CASE WHEN kind = 'note' THEN 'note-' || i // 10 WHEN kind = 'comment' THEN 'c-' || i END AS content_id,
        CASE WHEN kind IN ('note', 'comment', 'message', 'group_message') AND extra < 75 THEN
            list_aggregate(
                list_transform(
                    range((8 + said % 8)::BIGINT),
                    lambda n: $syllables[(1 + hash(said, n) % len($syllables))::BIGINT]
                ),
                'string_agg', ' '
            ) END AS text,
        CASE WHEN kind IN ('note', 'comment') AND extra < 8
            THEN '["https://shop' || said % 5000 || '.example/p/' || said % 50000 || '?utm_source=x"]' END AS urls,
        CASE WHEN kind = 'note' AND extra BETWEEN 10 AND 60
            THEN '["#tag' || said % 900 || '","#Tag' || said % 700 || '"]' END AS hashtags,
        ['web', 'android', 'ios', NULL][(1 + device % 4)::BIGINT] AS client,
        CASE WHEN device % 3 = 0 THEN 'dev-' || account END AS device_id
    FROM acted
"""
FORMS = {".csv": "FORMAT csv, HEADER true", ".parquet": "FORMAT parquet, COMPRESSION zstd"}


def write(path: Path, rows: int, seed: int = 1, *, shuffled: bool = False) -> Path:
    """Write so many interactions to a .csv or .parquet file, unless it is there already.

    They lie nearly in order of time, as exports do; shuffled, in no order.
    """
    if path.exists():
        return path
    syllables = [a + b + c for a in "bdfgklmnprst" for b in "aeiou" for c in ("n", "r", "s", "la", "mi", "to")]
    part = path.with_suffix(f".part{path.suffix}")
    order = "ORDER BY hash(i)" if shuffled else ""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET memory_limit = '2GB'; SET preserve_insertion_order = true")
        connection.execute(
            f"COPY ({MAKE} {order}) TO '{part}' ({FORMS[path.suffix]})",
            {"rows": rows, "seed": seed, "syllables": syllables},
        )
    return part.replace(path)
