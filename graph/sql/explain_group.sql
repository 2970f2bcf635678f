-- Where the members of a group met. A gathering is a chain of members' actions on one object, each at most the window
-- after the one before, with two members or more. Linear in events.
-- parameters: $since, $until, $window (microseconds, inclusive), $most; reads members (account_id)
-- columns: channel, object_id, object_accounts (everybody), members (in a gathering), gatherings,
--          largest, first_at, last_at (members and times of the largest gathering)
WITH acts AS (
    SELECT
        account_id, channel, object_id, "at", event_id,
        coalesce(
            "at" - lag("at") OVER (PARTITION BY channel, object_id ORDER BY "at", event_id) > $window, true
        )::INTEGER AS begins
    FROM actions SEMI JOIN members USING (account_id)
    WHERE "at" >= $since AND "at" < $until
),
chained AS (
    SELECT
        account_id, channel, object_id, "at",
        sum(begins) OVER (PARTITION BY channel, object_id ORDER BY "at", event_id) AS chain
    FROM acts
),
gathered AS (
    SELECT channel, object_id, chain, count(DISTINCT account_id) AS members, min("at") AS first_at, max("at") AS last_at
    FROM chained GROUP BY channel, object_id, chain HAVING count(DISTINCT account_id) > 1
),
largest AS (
    SELECT channel, object_id, members AS largest, first_at, last_at
    FROM gathered
    QUALIFY row_number() OVER (PARTITION BY channel, object_id ORDER BY members DESC, first_at) = 1
),
met AS (
    SELECT channel, object_id, count(DISTINCT account_id) AS members, count(DISTINCT chain) AS gatherings
    FROM chained SEMI JOIN gathered USING (channel, object_id, chain)
    GROUP BY channel, object_id
),
rarity AS (
    SELECT channel, object_id, count(DISTINCT account_id) AS object_accounts
    FROM actions SEMI JOIN met USING (channel, object_id)
    WHERE "at" >= $since AND "at" < $until
    GROUP BY channel, object_id
)
SELECT channel, object_id, object_accounts, members, gatherings, largest, first_at, last_at
FROM met JOIN largest USING (channel, object_id) JOIN rarity USING (channel, object_id)
ORDER BY members DESC, object_accounts, channel, object_id
LIMIT $most
