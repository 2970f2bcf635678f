-- Pairs of accounts with co-actions on enough objects of one channel.
-- A bucket equi-join: the later action lies in the same bucket of time as the earlier one or in the next.
-- parameters: $window (microseconds, inclusive), $least (objects)
-- makes: candidates (pair, a, z, channel), a < z
CREATE OR REPLACE TEMP TABLE candidates AS
WITH later AS (
    SELECT a, o, ts, e, ts // $window AS k FROM events
    UNION ALL
    SELECT a, o, ts, e, ts // $window - 1 FROM events
),
met AS (
    SELECT DISTINCT least(x.a, y.a) AS a, greatest(x.a, y.a) AS z, x.o
    FROM events x JOIN later y ON x.o = y.o AND x.ts // $window = y.k
    WHERE x.a <> y.a AND y.ts >= x.ts AND y.ts - x.ts <= $window AND (y.ts > x.ts OR y.e > x.e)
)
SELECT (row_number() OVER (ORDER BY a, z, channel) - 1)::INTEGER AS pair, a, z, channel
FROM met JOIN object_ids USING (o)
GROUP BY a, z, channel HAVING count(*) >= $least
