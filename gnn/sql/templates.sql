-- Reuse of texts: how many an account sent, how many different ones, how many that another account sent too.
-- parameters: none (reads gnn_touches)
-- columns: who, sent, different, shared
WITH templates AS (
    SELECT object_id, count(*) AS accounts FROM gnn_touches WHERE starts_with(object_id, 'template:') GROUP BY object_id
)
SELECT t.who, CAST(sum(t.times) AS BIGINT) AS sent, count(*) AS different,
       CAST(coalesce(sum(t.times) FILTER (m.accounts > 1), 0) AS BIGINT) AS shared
FROM gnn_touches t JOIN templates m USING (object_id)
GROUP BY t.who ORDER BY t.who
