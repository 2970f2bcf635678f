-- coordination-network-toolkit: directed edges between messages whose sets of tokens have a Jaccard similarity of at
-- least $similarity. The weight is the number of distinct messages of user_1 that have at least one such of user_2
-- within the window, before or after. Each two sets that met are compared once; two sets of which one is much smaller
-- cannot reach it. A bucket equi-join (docs/decisions/0003): y lies in the bucket of x, in the one before or the next.
-- parameters: $window (microseconds, inclusive), $bucket (microseconds, more than 0, at least the window),
--             $minimum (weight), $similarity (more than 0, at most 1)
-- reads: toolkit_acts (m, u, said, ts), ts in microseconds; toolkit_sets (said, tokens: distinct integers, at least one)
-- columns: user_1, user_2 (numbers), weight
WITH acts AS (
    SELECT m, u, said, ts, len(tokens) AS size, ts // $bucket AS bucket FROM toolkit_acts JOIN toolkit_sets USING (said)
),
met AS MATERIALIZED (
    SELECT x.m AS m1, x.u AS u1, x.said AS said1, y.u AS u2, y.said AS said2
    FROM acts x
    JOIN (SELECT * REPLACE (bucket + unnest([-1, 0, 1]) AS bucket) FROM acts) y ON x.bucket = y.bucket
    WHERE x.u <> y.u AND abs(x.ts - y.ts) <= $window
        AND least(x.size, y.size)::DOUBLE / greatest(x.size, y.size)::DOUBLE >= $similarity
),
shared AS (
    SELECT said1, said2, len(x.tokens) + len(y.tokens) AS sizes, len(list_intersect(x.tokens, y.tokens)) AS common
    FROM (SELECT DISTINCT said1, said2 FROM met)
    JOIN toolkit_sets x ON x.said = said1
    JOIN toolkit_sets y ON y.said = said2
),
alike AS (
    SELECT said1, said2 FROM shared WHERE common::DOUBLE / (sizes - common)::DOUBLE >= $similarity
)
SELECT u1 AS user_1, u2 AS user_2, count(DISTINCT m1) AS weight
FROM met SEMI JOIN alike USING (said1, said2)
GROUP BY user_1, user_2
HAVING weight >= $minimum
ORDER BY user_1, user_2
