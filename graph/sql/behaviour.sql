-- What every account of the data window did, in integers and sums.
-- Sources that know only objects have no interactions: their actions stand for them.
-- parameters: $since, $until
-- columns: account_id, actions, active_days, first_at, last_at, objects, texts, shared_texts
WITH did AS (
    SELECT account_id, event_id, "at" FROM interactions WHERE "at" >= $since AND "at" < $until
    UNION
    SELECT account_id, event_id, "at" FROM actions WHERE "at" >= $since AND "at" < $until
),
activity AS (
    SELECT account_id, count(*) AS actions, count(DISTINCT "at" // 86400000000) AS active_days,
        min("at") AS first_at, max("at") AS last_at
    FROM did GROUP BY account_id
),
acted AS (
    SELECT account_id, channel, object_id, event_id FROM actions WHERE "at" >= $since AND "at" < $until
),
things AS (SELECT account_id, count(DISTINCT object_id) AS objects FROM acted GROUP BY account_id),
common AS (
    SELECT object_id FROM acted WHERE channel IN ('template', 'message_template')
    GROUP BY object_id HAVING count(DISTINCT account_id) >= 3
),
texts AS (
    SELECT account_id, count(*) AS texts, count(*) FILTER (object_id IN (SELECT object_id FROM common)) AS shared_texts
    FROM acted WHERE channel IN ('template', 'message_template') GROUP BY account_id
)
SELECT account_id, actions, active_days, first_at, last_at, coalesce(objects, 0) AS objects,
    coalesce(texts, 0) AS texts, coalesce(shared_texts, 0) AS shared_texts
FROM activity LEFT JOIN things USING (account_id) LEFT JOIN texts USING (account_id)
ORDER BY account_id
