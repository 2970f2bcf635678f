-- What the media of each account's public interactions say of themselves; what was not checked is not counted.
-- parameters: $since, $until
-- columns: account_id, media, generated_media
SELECT account_id, count(*) AS media, count(*) FILTER (says IN ('generated', 'partly generated')) AS generated_media
FROM (
    SELECT DISTINCT account_id, event_id, unnest(interactions.media) AS media_id
    FROM interactions WHERE "at" >= $since AND "at" < $until
) JOIN media USING (media_id)
GROUP BY account_id
