-- The relationships of one kind of deed.
-- parameters: $what
-- tables: kept_deeds
-- columns: account_id, object, n, first_at, last_at, channel
SELECT account_id, object, n, first_at, last_at, channel
FROM kept_deeds
WHERE what = $what
ORDER BY account_id, object, channel
