-- The integer columns of the edge table for every pair of accounts with a co-action, where there is one channel and each
-- interaction is one action on it: then the row of the channel is also the row of `all` (graph/sql/coactions.sql says
-- the same of any log, and does more).
-- A bucket equi-join: the later action lies in the same bucket of time as the earlier one or in the next. Grouped by
-- pair and object first, so that nothing distinct has to be counted.
-- parameters: $window (microseconds, inclusive)
-- columns: a, z, co_actions, objects, first_at, last_at, a_first2, in order of a, z
WITH earlier AS (
    SELECT a, o, ts, e, ts // $window AS k FROM events
),
later AS (
    SELECT a, o, ts, e, k FROM earlier
    UNION ALL
    SELECT a, o, ts, e, k - 1 FROM earlier
),
per_object AS (
    SELECT
        least(x.a, y.a) AS a, greatest(x.a, y.a) AS z, x.o,
        count(*) AS n, min(x.ts) AS first_at, max(x.ts) AS last_at,
        sum(CASE WHEN x.ts = y.ts THEN 1 WHEN x.a < y.a THEN 2 ELSE 0 END) AS a_first2
    FROM earlier x JOIN later y ON x.o = y.o AND x.k = y.k
    WHERE x.a <> y.a AND y.ts >= x.ts AND y.ts - x.ts <= $window AND (y.ts > x.ts OR y.e > x.e)
    GROUP BY least(x.a, y.a), greatest(x.a, y.a), x.o
)
SELECT a, z, CAST(sum(n) AS BIGINT) AS co_actions, count(*) AS objects,
    min(first_at) AS first_at, max(last_at) AS last_at, CAST(sum(a_first2) AS BIGINT) AS a_first2
FROM per_object
GROUP BY a, z
ORDER BY a, z
