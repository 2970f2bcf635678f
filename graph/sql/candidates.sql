-- Pairs of accounts with co-actions on enough objects of one channel.
-- A bucket equi-join: the later action lies in the same bucket of time as the earlier one or in the next.
-- parameters: $window (microseconds, inclusive), $least (objects)
-- makes: candidates (pair, a, z, channel, kin), a < z; kin: they share a trait
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
SELECT (row_number() OVER (ORDER BY m.a, m.z, m.channel) - 1)::INTEGER AS pair, m.a, m.z, m.channel,
    coalesce(t.client = u.client OR t.device = u.device, false) AS kin
FROM (
    SELECT a, z, channel FROM met JOIN object_ids USING (o) GROUP BY a, z, channel HAVING count(*) >= $least
) m
LEFT JOIN traits t ON t.a = m.a LEFT JOIN traits u ON u.a = m.z
