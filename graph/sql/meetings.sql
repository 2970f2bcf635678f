-- What each candidate pair did on each object that both acted on within the horizon.
-- parameters: $window, $horizon (microseconds, inclusive)
-- makes: meetings (pair, o, near, met, first_at, last_at, a_first2): event pairs within the horizon and within the
--        window, times of the earlier action of the first and last co-action, and twice the number of co-actions
--        in which a acted first (a tie counts one)
CREATE OR REPLACE TEMP TABLE meetings AS
SELECT
    c.pair,
    x.o,
    count(*) AS near,
    count(*) FILTER (abs(x.ts - y.ts) <= $window) AS met,
    min(least(x.ts, y.ts)) FILTER (abs(x.ts - y.ts) <= $window) AS first_at,
    max(least(x.ts, y.ts)) FILTER (abs(x.ts - y.ts) <= $window) AS last_at,
    coalesce(
        sum(CASE WHEN x.ts < y.ts THEN 2 WHEN x.ts = y.ts THEN 1 ELSE 0 END) FILTER (abs(x.ts - y.ts) <= $window), 0
    )::BIGINT AS a_first2
FROM candidates c
JOIN events x ON x.a = c.a
JOIN object_ids n ON n.o = x.o AND n.channel = c.channel
JOIN events y ON y.a = c.z AND y.o = x.o
WHERE abs(x.ts - y.ts) <= $horizon
GROUP BY c.pair, x.o
ORDER BY c.pair, x.o
