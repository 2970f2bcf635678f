-- The integer columns of the edge table for every pair of accounts with a co-action: one row a pair and channel, and one
-- with channel `all`. What graph/sql/edges.sql says of kept pairs, for all pairs at once.
-- A bucket equi-join: the later action lies in the same bucket of time as the earlier one or in the next. Grouped by
-- pair and object first, so that nothing distinct has to be counted per channel.
-- In `all`, a pair of interactions counts once however many channels and objects it is seen on. Only two interactions
-- that are each seen on several can be met twice: they are joined once more and counted apart.
-- parameters: $window (microseconds, inclusive)
-- columns: a, z, channel, co_actions, objects, first_at, last_at, a_first2, in order of a, z, channel
WITH seen AS (
    SELECT a, o, ts, e, ts // $window AS k, count(*) OVER (PARTITION BY e) > 1 AS several FROM events
),
later AS (
    SELECT a, o, ts, e, k, several FROM seen
    UNION ALL
    SELECT a, o, ts, e, k - 1, several FROM seen
),
per_object AS (
    SELECT
        least(x.a, y.a) AS a, greatest(x.a, y.a) AS z, x.o,
        count(*) AS n, min(x.ts) AS first_at, max(x.ts) AS last_at,
        sum(CASE WHEN x.ts = y.ts THEN 1 WHEN x.a < y.a THEN 2 ELSE 0 END) AS a_first2,
        sum(CASE WHEN x.several AND y.several THEN 0 ELSE 1 END) AS once,
        sum(CASE WHEN x.several AND y.several THEN 0 WHEN x.ts = y.ts THEN 1 WHEN x.a < y.a THEN 2 ELSE 0 END) AS once_first2
    FROM seen x JOIN later y ON x.o = y.o AND x.k = y.k
    WHERE x.a <> y.a AND y.ts >= x.ts AND y.ts - x.ts <= $window AND (y.ts > x.ts OR y.e > x.e)
    GROUP BY least(x.a, y.a), greatest(x.a, y.a), x.o
),
again AS (
    SELECT least(xa, ya) AS a, greatest(xa, ya) AS z, count(*) AS n,
        sum(CASE WHEN gap = 0 THEN 1 WHEN xa < ya THEN 2 ELSE 0 END) AS a_first2
    FROM (
        SELECT DISTINCT x.a AS xa, y.a AS ya, x.e AS xe, y.e AS ye, y.ts - x.ts AS gap
        FROM seen x JOIN later y ON x.o = y.o AND x.k = y.k
        WHERE x.several AND y.several AND x.a <> y.a AND y.ts >= x.ts AND y.ts - x.ts <= $window
            AND (y.ts > x.ts OR y.e > x.e)
    ) met
    GROUP BY least(xa, ya), greatest(xa, ya)
)
SELECT a, z, channel, CAST(sum(n) AS BIGINT) AS co_actions, count(*) AS objects,
    min(first_at) AS first_at, max(last_at) AS last_at, CAST(sum(a_first2) AS BIGINT) AS a_first2
FROM per_object JOIN object_ids USING (o)
GROUP BY a, z, channel
UNION ALL
SELECT t.a, t.z, 'all', CAST(t.n + coalesce(again.n, 0) AS BIGINT), t.objects, t.first_at, t.last_at,
    CAST(t.a_first2 + coalesce(again.a_first2, 0) AS BIGINT)
FROM (
    SELECT a, z, sum(once) AS n, count(*) AS objects, min(first_at) AS first_at, max(last_at) AS last_at,
        sum(once_first2) AS a_first2
    FROM (SELECT a, z, thing, sum(once) AS once, min(first_at) AS first_at, max(last_at) AS last_at, sum(once_first2) AS once_first2
    FROM per_object JOIN object_ids USING (o) GROUP BY a, z, thing) u
    GROUP BY a, z
) t
LEFT JOIN again ON again.a = t.a AND again.z = t.z
ORDER BY a, z, channel
