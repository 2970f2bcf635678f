-- The actions of the data window in integers. `e` numbers interactions by time, so it also breaks ties in time.
-- parameters: $since, $until
-- makes: events (a, o, ts, e)
CREATE OR REPLACE TEMP TABLE events AS
SELECT i.a, n.o, x."at" AS ts, (dense_rank() OVER (ORDER BY x."at", x.event_id))::BIGINT AS e
FROM actions x
JOIN account_ids i USING (account_id)
JOIN object_ids n USING (channel, object_id)
WHERE x."at" >= $since AND x."at" < $until
