-- How many pairs of accounts are tested: those that acted on enough common objects of a channel within the horizon.
-- The filter looks at the horizon alone, which chance takes as given, so it cannot favour what is tested
-- (independent filtering: Bourgon, Gentleman & Huber, PNAS 2010).
-- One account in $modulus is taken (by its number, so that the same log gives the same answer) against all others.
-- parameters: $horizon, $least, $modulus
-- columns: kin, pairs (ordered pairs of one sampled and one other account), squares (sum of squares of each one's pairs)
WITH sample AS (
    SELECT x.a, y.a AS z, n.channel
    FROM events x JOIN events y ON y.o = x.o AND y.a <> x.a AND abs(x.ts - y.ts) <= $horizon
    JOIN object_ids n ON n.o = x.o
    WHERE x.a % $modulus = 0
    GROUP BY x.a, y.a, n.channel HAVING count(DISTINCT x.o) >= $least
),
pairs AS (SELECT DISTINCT a, z FROM sample),
each AS (
    SELECT p.a, coalesce(t.client = u.client OR t.device = u.device, false) AS kin, count(*) AS pairs
    FROM pairs p LEFT JOIN traits t ON t.a = p.a LEFT JOIN traits u ON u.a = p.z
    GROUP BY p.a, kin
)
SELECT kin, sum(pairs)::BIGINT AS pairs, sum(pairs * pairs)::BIGINT AS squares FROM each GROUP BY kin ORDER BY kin
