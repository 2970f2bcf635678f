-- The events of the data window, one row an interaction; for sources that only know objects, one row an action's event.
-- parameters: since, until (microseconds UTC, until exclusive)
-- makes: gnn_events (who, event_id, kind, at, target_id, content_id, chars, links, tags); chars is null without public text
CREATE OR REPLACE TEMP TABLE gnn_events AS
WITH known AS (
    SELECT event_id FROM interactions WHERE "at" >= $since AND "at" < $until
), only_objects AS (
    SELECT event_id, account_id, min(channel) AS kind, min("at") AS "at"
    FROM actions
    WHERE "at" >= $since AND "at" < $until
      AND channel NOT IN ('device', 'client', 'registration')
      AND NOT starts_with(object_id, 'device:') AND NOT starts_with(object_id, 'client:')
      AND event_id NOT IN (SELECT event_id FROM known)
    GROUP BY event_id, account_id
)
SELECT w.who, i.event_id, i.kind, i."at", i.target_id, i.content_id,
       length(nullif(regexp_replace(i.text, '\s+', '', 'g'), '')) AS chars,
       coalesce(len(i.urls), 0) AS links, coalesce(len(i.hashtags), 0) AS tags
FROM interactions i JOIN gnn_who w USING (account_id)
WHERE i."at" >= $since AND i."at" < $until
UNION ALL
SELECT w.who, o.event_id, o.kind, o."at", NULL, NULL, NULL, 0, 0
FROM only_objects o JOIN gnn_who w USING (account_id)
