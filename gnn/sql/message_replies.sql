-- How fast an account answers a private message, and whom it writes to.
-- parameters: since, until (microseconds UTC, until exclusive)
-- columns: who, sent, recipients, answered (recipients who wrote back at any time), latency (median, milliseconds; null: never answers)
WITH messages AS (
    SELECT account_id, target_id, "at", event_id, least(account_id, target_id) AS one, greatest(account_id, target_id) AS other
    FROM interactions
    WHERE kind = 'message' AND target_id IS NOT NULL AND target_id <> account_id AND "at" >= $since AND "at" < $until
), turns AS (
    SELECT *, lag(account_id) OVER ordered AS before, lag("at") OVER ordered AS before_at
    FROM messages WINDOW ordered AS (PARTITION BY one, other ORDER BY "at", event_id)
), pairs AS (
    SELECT account_id, target_id FROM messages GROUP BY account_id, target_id
)
SELECT w.who, count(*) AS sent, count(DISTINCT t.target_id) AS recipients,
       count(DISTINCT back.account_id) AS answered,
       quantile_disc(CASE WHEN t.before <> t.account_id THEN (t."at" - t.before_at) // 1000 END, 0.5) AS latency
FROM turns t JOIN gnn_who w USING (account_id)
LEFT JOIN pairs back ON back.account_id = t.target_id AND back.target_id = t.account_id
GROUP BY w.who ORDER BY w.who
