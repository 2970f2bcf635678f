-- How popular the objects of an account are, and how long after their first actor it comes.
-- parameters: none (reads gnn_touches)
-- columns: who, objects, popularity (sum of thousandths of ln(accounts)), alone (objects nobody else touched),
--          rare (2 to 50 accounts), delay (median over objects on which it was not first, milliseconds; null: always first)
WITH sizes AS (
    SELECT object_id, count(*) AS accounts, min("at") AS "at" FROM gnn_touches GROUP BY object_id
)
SELECT t.who, count(*) AS objects,
       CAST(sum(CAST(round(1000 * ln(s.accounts)) AS BIGINT)) AS BIGINT) AS popularity,
       count(*) FILTER (s.accounts = 1) AS alone, count(*) FILTER (s.accounts BETWEEN 2 AND 50) AS rare,
       quantile_disc(CASE WHEN t."at" > s."at" THEN (t."at" - s."at") // 1000 END, 0.5) AS delay
FROM gnn_touches t JOIN sizes s USING (object_id)
GROUP BY t.who ORDER BY t.who
