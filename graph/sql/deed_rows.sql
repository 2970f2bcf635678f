-- Each single deed that the log knows of: who, what, on which object, when.
-- `what` is the interaction's kind, or url, hashtag, template, device, client (derived from interactions),
-- or object (from sources that know objects alone; only these have a channel).
-- Ids longer than Neo4j's index takes (8 kB) are cut and end in their hash.
-- tables: log_interactions, derived_actions, bare_actions, each with `fresh`: whether its batch is not loaded yet;
--   derived_channels: channels of actions that stand for an object of their own
-- makes: deed_rows (what, account_id, object, channel, at, fresh)
CREATE OR REPLACE TEMP VIEW deed_rows AS
WITH each AS (
    SELECT
        kind AS what, account_id, '' AS channel, "at", fresh,
        CASE kind WHEN 'note' THEN content_id ELSE target_id END AS object
    FROM log_interactions
    UNION ALL
    SELECT 'client', account_id, '', "at", fresh, client FROM log_interactions
    UNION ALL
    SELECT 'device', account_id, '', "at", fresh, device_id FROM log_interactions
    UNION ALL
    SELECT split_part(object_id, ':', 1), account_id, '', "at", fresh, substr(object_id, strpos(object_id, ':') + 1)
    FROM derived_actions WHERE channel IN (SELECT channel FROM derived_channels)
    UNION ALL
    SELECT 'object', account_id, channel, "at", fresh, object_id FROM bare_actions
)
SELECT
    what, account_id,
    CASE WHEN strlen(object) > 4096 THEN left(object, 512) || '... sha256:' || sha256(object) ELSE object END AS object,
    channel, "at", fresh
FROM each WHERE object IS NOT NULL
