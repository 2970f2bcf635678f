-- The time that halves the actions of a stretch: where its later part begins. No part is empty if two times differ.
-- parameters: $since, $until (microseconds UTC, until exclusive)
-- tables: actions
-- columns: first_at, last_at, halfway (null: no actions), actions
SELECT
    min("at") AS first_at, max("at") AS last_at,
    greatest(quantile_disc("at", 0.5), min("at") + 1) AS halfway, count(*) AS actions
FROM actions WHERE "at" >= $since AND "at" < $until
