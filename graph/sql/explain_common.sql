-- On how many objects two accounts both acted, by channel: at all, within the horizon, and within the window.
-- parameters: $a, $b (account ids), $since, $until, $window, $horizon (microseconds, inclusive)
-- columns: channel, common, near, met
SELECT channel, count(*) AS common, count(*) FILTER (gap <= $horizon) AS near, count(*) FILTER (gap <= $window) AS met
FROM (
    SELECT x.channel, x.object_id, min(abs(x."at" - y."at")) AS gap
    FROM actions x JOIN actions y ON y.channel = x.channel AND y.object_id = x.object_id
    WHERE x.account_id = $a AND x."at" >= $since AND x."at" < $until
        AND y.account_id = $b AND y."at" >= $since AND y."at" < $until
    GROUP BY x.channel, x.object_id
)
GROUP BY channel ORDER BY channel
