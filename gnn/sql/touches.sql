-- Which account touched which object in the data window, when first and how often. Platform facts (device, client) stay out.
-- parameters: since, until (microseconds UTC, until exclusive)
-- makes: gnn_touches (who, object_id, at, times)
CREATE OR REPLACE TEMP TABLE gnn_touches AS
SELECT w.who, a.object_id, min(a."at") AS "at", count(*) AS times
FROM actions a JOIN gnn_who w USING (account_id)
WHERE a."at" >= $since AND a."at" < $until
  AND a.channel NOT IN ('device', 'client', 'registration')
  AND NOT starts_with(a.object_id, 'device:') AND NOT starts_with(a.object_id, 'client:')
GROUP BY w.who, a.object_id
