-- How many pairs of accounts are tested: those that acted on enough common objects of a channel within the horizon.
-- The filter looks at the horizon alone, which chance takes as given, so it cannot favour what is tested
-- (independent filtering: Bourgon, Gentleman & Huber, PNAS 2010).
-- One account in $modulus is taken (by its number, so that the same log gives the same answer) against all others.
-- parameters: $horizon, $least, $modulus
-- columns: channel (`all`: on any one channel), pairs (ordered pairs of one sampled and one other account)
WITH sample AS (
    SELECT x.a, y.a AS z, n.channel
    FROM events x JOIN events y ON y.o = x.o AND y.a <> x.a AND abs(x.ts - y.ts) <= $horizon
    JOIN object_ids n ON n.o = x.o
    WHERE x.a % $modulus = 0
    GROUP BY x.a, y.a, n.channel HAVING count(DISTINCT x.o) >= $least
)
SELECT channel, count(*) AS pairs FROM sample GROUP BY channel
UNION ALL
SELECT 'all', count(*) FROM (SELECT DISTINCT a, z FROM sample)
ORDER BY channel
