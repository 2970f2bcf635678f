-- The public texts of the data window, in an order that is always the same.
-- parameters: since, until (microseconds UTC, until exclusive)
-- columns: account_id, text
SELECT account_id, text FROM interactions
WHERE text IS NOT NULL AND kind NOT IN ('message', 'group_message') AND "at" >= $since AND "at" < $until
ORDER BY account_id, "at", event_id
