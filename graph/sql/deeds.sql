-- What the log says of every account and object, for the relationships that batches not loaded yet touch.
-- tables: deed_rows
-- makes: deeds (what, account_id, object, channel, n, first_at, last_at)
CREATE OR REPLACE TEMP TABLE deeds AS
SELECT what, account_id, object, channel, count(*) AS n, min("at") AS first_at, max("at") AS last_at
FROM deed_rows
GROUP BY what, account_id, object, channel HAVING bool_or(fresh)
