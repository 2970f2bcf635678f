-- Pairs of accounts with co-actions on enough objects of one channel.
-- A bucket equi-join: the later action lies in the same bucket of time as the earlier one or in the next.
-- Hot actions are left out of it, so that an action meets a bounded number of others; pairs that may have met among
-- them come in by `alike` (graph.signatures) and are then counted on all actions.
-- parameters: $window (microseconds, inclusive), $least (objects); reads hot, alike (a, z)
-- makes: candidates (pair, a, z, channel, kin), a < z; kin: they share a trait
CREATE OR REPLACE TEMP TABLE candidates AS
WITH cold AS (
    SELECT a, o, ts, e, ts // $window AS k FROM events ANTI JOIN hot USING (e, o, a)
),
later AS (
    SELECT a, o, ts, e, k FROM cold
    UNION ALL
    SELECT a, o, ts, e, k - 1 FROM cold
),
met AS (
    SELECT least(x.a, y.a) AS a, greatest(x.a, y.a) AS z, x.o
    FROM cold x JOIN later y ON x.o = y.o AND x.k = y.k
    WHERE x.a <> y.a AND y.ts >= x.ts AND y.ts - x.ts <= $window AND (y.ts > x.ts OR y.e > x.e)
    UNION
    SELECT s.a, s.z, x.o
    FROM alike s JOIN events x ON x.a = s.a JOIN events y ON y.a = s.z AND y.o = x.o
    WHERE abs(x.ts - y.ts) <= $window
)
SELECT (row_number() OVER (ORDER BY m.a, m.z, m.channel) - 1)::INTEGER AS pair, m.a, m.z, m.channel,
    coalesce(t.client = u.client OR t.device = u.device, false) AS kin
FROM (
    SELECT a, z, channel FROM met JOIN object_ids USING (o) GROUP BY a, z, channel HAVING count(*) >= $least
) m
LEFT JOIN traits t ON t.a = m.a LEFT JOIN traits u ON u.a = m.z
