-- The integer columns of the edge table: one row a kept pair and channel, and one with channel `all`.
-- In `all`, a pair of interactions counts once however many channels it is seen on, and so does an object.
-- parameters: $window; reads kept (a, z)
-- columns: a, z, channel, co_actions, objects, first_at, last_at, a_first2
WITH joint AS (
    SELECT k.a, k.z, n.channel, n.thing, n.o, x.e AS xe, y.e AS ye, least(x.ts, y.ts) AS ts,
        CASE WHEN x.ts < y.ts THEN 2 WHEN x.ts = y.ts THEN 1 ELSE 0 END AS a_first2
    FROM kept k
    JOIN events x ON x.a = k.a
    JOIN events y ON y.a = k.z AND y.o = x.o AND abs(x.ts - y.ts) <= $window
    JOIN object_ids n ON n.o = x.o
)
SELECT a, z, channel, count(*) AS co_actions, count(DISTINCT o) AS objects,
    min(ts) AS first_at, max(ts) AS last_at, sum(a_first2)::BIGINT AS a_first2
FROM joint GROUP BY a, z, channel
UNION ALL
SELECT a, z, 'all', count(*), max(things), min(ts), max(ts), sum(a_first2)::BIGINT
FROM (
    SELECT a, z, xe, ye, any_value(ts) AS ts, any_value(a_first2) AS a_first2 FROM joint GROUP BY a, z, xe, ye
)
JOIN (SELECT a, z, count(DISTINCT thing) AS things FROM joint GROUP BY a, z) USING (a, z)
GROUP BY a, z
ORDER BY a, z, channel
