-- coordination-network-toolkit: directed edges between messages whose sets of tokens have a Jaccard similarity of at
-- least $similarity. The weight is the number of distinct messages of user_1 that have at least one such of user_2
-- within the window, before or after. Only messages that share one of their rarest tokens are looked at: two sets that
-- are as similar as that cannot miss one another there (Chaudhuri, Ganti & Kaushik, ICDE 2006; Bayardo, Ma & Srikant,
-- WWW 2007). Each two sets that met are compared once; two sets of which one is much smaller cannot reach it.
-- A bucket equi-join (docs/decisions/0003): y lies in the bucket of x, in the one before or the next.
-- parameters: $window (microseconds, inclusive), $bucket (microseconds, more than 0, at least the window),
--             $minimum (weight), $similarity (more than 0, at most 1)
-- reads: toolkit_acts (m, u, said, ts), ts in microseconds; toolkit_sets (said, tokens: distinct integers, at least one,
--        rare: so many of them, the rarest ones)
-- columns: user_1, user_2 (numbers), weight
WITH acts AS (
    SELECT m, u, said, ts, len(tokens) AS size, ts // $bucket AS bucket, unnest(rare) AS token
    FROM toolkit_acts JOIN toolkit_sets USING (said)
),
met AS MATERIALIZED (
    SELECT DISTINCT x.m AS m1, x.u AS u1, y.u AS u2, least(x.said, y.said) AS low, greatest(x.said, y.said) AS high
    FROM acts x
    JOIN (SELECT * REPLACE (bucket + unnest([-1, 0, 1]) AS bucket) FROM acts) y
        ON x.bucket = y.bucket AND x.token = y.token
    WHERE x.u <> y.u AND abs(x.ts - y.ts) <= $window
        AND least(x.size, y.size)::DOUBLE / greatest(x.size, y.size)::DOUBLE >= $similarity
),
shared AS (
    SELECT low, high, len(x.tokens) + len(y.tokens) AS sizes, len(list_intersect(x.tokens, y.tokens)) AS common
    FROM (SELECT DISTINCT low, high FROM met)
    JOIN toolkit_sets x ON x.said = low
    JOIN toolkit_sets y ON y.said = high
),
alike AS (
    SELECT low, high FROM shared WHERE common::DOUBLE / (sizes - common)::DOUBLE >= $similarity
)
SELECT u1 AS user_1, u2 AS user_2, count(DISTINCT m1) AS weight
FROM met SEMI JOIN alike USING (low, high)
GROUP BY user_1, user_2
HAVING weight >= $minimum
ORDER BY user_1, user_2
