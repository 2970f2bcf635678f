-- Followers and followed, as far as the log goes back.
-- parameters: until (microseconds UTC, exclusive)
-- columns: who, followers, follows, mutual
WITH pairs AS (
    SELECT account_id AS a, target_id AS b FROM interactions
    WHERE kind = 'follow' AND target_id IS NOT NULL AND target_id <> account_id AND "at" < $until
    GROUP BY a, b
), sides AS (
    SELECT b AS account_id, 1 AS inward, 0 AS outward, 0 AS both_ways FROM pairs
    UNION ALL
    SELECT a, 0, 1, 0 FROM pairs
    UNION ALL
    SELECT p.a, 0, 0, 1 FROM pairs p JOIN pairs q ON q.a = p.b AND q.b = p.a
)
SELECT w.who, CAST(sum(inward) AS BIGINT) AS followers, CAST(sum(outward) AS BIGINT) AS follows,
       CAST(sum(both_ways) AS BIGINT) AS mutual
FROM sides JOIN gnn_who w USING (account_id)
GROUP BY w.who ORDER BY w.who
