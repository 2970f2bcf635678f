-- Neighbours by interaction: who comments on, shares, messages or follows whom; each account's strongest. Only its own acts count.
-- parameters: since, until (microseconds UTC, until exclusive), most (neighbours kept an account); reads gnn_made, gnn_who
-- columns: who, other (whose state flows to who)
WITH directed AS (
    SELECT account_id AS a, target_id AS b FROM interactions
    WHERE kind = 'message' AND target_id IS NOT NULL AND "at" >= $since AND "at" < $until
    UNION ALL
    SELECT account_id, target_id FROM interactions
    WHERE kind = 'follow' AND target_id IS NOT NULL AND "at" < $until
    UNION ALL
    SELECT i.account_id, m.maker FROM interactions i JOIN gnn_made m ON m.content_id = i.target_id
    WHERE i.kind IN ('comment', 'reply', 'share') AND i."at" >= $since AND i."at" < $until
), counted AS (
    SELECT one.who AS who, two.who AS other, count(*) AS times
    FROM directed d JOIN gnn_who one ON one.account_id = d.a JOIN gnn_who two ON two.account_id = d.b
    WHERE one.who <> two.who GROUP BY one.who, two.who
)
SELECT who, other FROM counted
QUALIFY row_number() OVER (
    PARTITION BY who ORDER BY times DESC, (who * 2654435761 + other * 40503) % 1000003, other
) <= $most
ORDER BY who, other
