-- Every co-action of two accounts: one row an event pair, channel and object; rarest object first, then by time.
-- `thing` numbers objects by rarity, whatever the channel; it begins with 1.
-- parameters: $a, $b (account ids), $since, $until, $window (microseconds, inclusive)
-- columns: thing, channel, object_id, object_accounts, a_at, b_at, a_event_id, b_event_id
WITH joint AS (
    SELECT x.channel, x.object_id, x."at" AS a_at, y."at" AS b_at, x.event_id AS a_event_id, y.event_id AS b_event_id
    FROM actions x JOIN actions y
        ON y.channel = x.channel AND y.object_id = x.object_id AND abs(x."at" - y."at") <= $window
    WHERE x.account_id = $a AND x."at" >= $since AND x."at" < $until
        AND y.account_id = $b AND y."at" >= $since AND y."at" < $until
),
rarity AS (
    SELECT channel, object_id, count(DISTINCT account_id) AS object_accounts
    FROM actions SEMI JOIN joint USING (channel, object_id)
    WHERE "at" >= $since AND "at" < $until
    GROUP BY channel, object_id
),
things AS (
    SELECT object_id, row_number() OVER (ORDER BY min(object_accounts), object_id) AS thing
    FROM rarity GROUP BY object_id
)
SELECT thing, channel, object_id, object_accounts, a_at, b_at, a_event_id, b_event_id
FROM joint JOIN rarity USING (channel, object_id) JOIN things USING (object_id)
ORDER BY thing, least(a_at, b_at), greatest(a_at, b_at), a_event_id, b_event_id, channel
