-- On how many channels each candidate pair passes the activity filter: the number of tests it gets.
-- parameters: $horizon, $least
-- columns: a, z, channels, in order of a, z
SELECT a, z, count(*) AS channels
FROM (
    SELECT c.a, c.z, n.channel
    FROM (SELECT DISTINCT a, z FROM candidates) c
    JOIN events x ON x.a = c.a
    JOIN events y ON y.a = c.z AND y.o = x.o
    JOIN object_ids n ON n.o = x.o
    WHERE abs(x.ts - y.ts) <= $horizon
    GROUP BY c.a, c.z, n.channel HAVING count(DISTINCT x.o) >= $least
)
GROUP BY a, z ORDER BY a, z
