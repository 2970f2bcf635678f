-- The longest quiet gap of each account's days: between one action and the next, the one that ends on that day.
-- The length of the gap counts, never the hour of the clock: night shifts sleep too.
-- parameters: $since, $until
-- columns: account_id, quiet_gap (microseconds, median over days)
WITH did AS (
    SELECT DISTINCT account_id, "at" FROM actions WHERE "at" >= $since AND "at" < $until
    UNION
    SELECT account_id, "at" FROM interactions WHERE "at" >= $since AND "at" < $until
),
gaps AS (
    SELECT account_id, "at" // 86400000000 AS day,
        "at" - lag("at") OVER (PARTITION BY account_id ORDER BY "at") AS gap
    FROM did
),
days AS (SELECT account_id, day, max(gap) AS gap FROM gaps WHERE gap IS NOT NULL GROUP BY account_id, day)
SELECT account_id, quantile_disc(gap, 0.5)::BIGINT AS quiet_gap FROM days GROUP BY account_id ORDER BY account_id
