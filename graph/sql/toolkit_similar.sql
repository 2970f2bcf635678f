-- coordination-network-toolkit: directed edges as in toolkit_network, between messages whose sets of tokens have a
-- Jaccard similarity of at least $similarity. Each two sets that met are compared once; two sets of which one is much
-- smaller cannot reach it.
-- parameters: $window, $bucket (microseconds), $minimum (weight), $similarity (more than 0, at most 1)
-- reads: toolkit_met, toolkit_sets (said, tokens: distinct integers, at least one)
-- columns: user_1, user_2 (numbers), weight
WITH met AS MATERIALIZED (
    SELECT m1, u1, said1, u2, said2
    FROM toolkit_met($window, $bucket)
    JOIN (SELECT said AS said1, len(tokens) AS size1 FROM toolkit_sets) USING (said1)
    JOIN (SELECT said AS said2, len(tokens) AS size2 FROM toolkit_sets) USING (said2)
    WHERE least(size1, size2)::DOUBLE / greatest(size1, size2)::DOUBLE >= $similarity
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
