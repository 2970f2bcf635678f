-- What each account did in the data window, in order of time, one row an act: a view is the feed's doing and no act.
-- Sources that know only objects have no interactions: their actions stand for them.
-- parameters: $since, $until; reads account_ids
-- makes: acts (a, at, gap (microseconds since the act before; null: the first), switched (another kind and another
--     object than the act before), deed (kind and object in a number), first (it did this for the first time))
CREATE OR REPLACE TEMP TABLE acts AS
WITH did AS (
    SELECT account_id, event_id, "at", kind, coalesce(target_id, content_id) AS thing
    FROM interactions WHERE "at" >= $since AND "at" < $until AND kind <> 'view'
    UNION ALL
    SELECT account_id, event_id, min("at"), min(channel), min(object_id)
    FROM actions x
    WHERE "at" >= $since AND "at" < $until AND NOT EXISTS (FROM interactions i WHERE i.event_id = x.event_id)
    GROUP BY account_id, event_id
),
numbered AS (
    SELECT i.a, d."at", d.event_id, hash(d.kind) AS kind, hash(d.thing) AS thing, hash(d.kind, d.thing) AS deed
    FROM did d JOIN account_ids i USING (account_id)
)
SELECT a, "at", event_id, deed, "at" - lag("at") OVER one AS gap,
    kind <> lag(kind) OVER one AND thing <> lag(thing) OVER one AS switched,
    row_number() OVER (PARTITION BY a, deed ORDER BY "at", event_id) = 1 AS first
FROM numbered WINDOW one AS (PARTITION BY a ORDER BY "at", event_id)
