-- What comes in from others: messages, and comments, likes and shares of what the account made.
-- parameters: since, until (microseconds UTC, until exclusive; reads gnn_made, gnn_who)
-- columns: who, senders (distinct accounts that message it), audience (distinct accounts that act on its content)
WITH incoming AS (
    SELECT target_id AS receiver, account_id AS sender, true AS private
    FROM interactions WHERE kind = 'message' AND "at" >= $since AND "at" < $until
    UNION ALL
    SELECT m.maker, i.account_id, false
    FROM interactions i JOIN gnn_made m ON m.content_id = i.target_id
    WHERE i.kind IN ('comment', 'reply', 'like', 'share', 'collect') AND i."at" >= $since AND i."at" < $until
)
SELECT w.who, count(DISTINCT sender) FILTER (private) AS senders, count(DISTINCT sender) FILTER (NOT private) AS audience
FROM incoming n JOIN gnn_who w ON w.account_id = n.receiver
WHERE n.sender <> n.receiver
GROUP BY w.who ORDER BY w.who
