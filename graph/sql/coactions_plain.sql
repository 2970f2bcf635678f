-- Every co-action where there is one channel and each interaction is one action on it: then what is counted on the
-- channel is also what counts in `all` (graph/sql/coactions.sql counts any log, and does more).
-- A bucket equi-join: the later action lies in the same bucket of time as the earlier one or in the next. In order of
-- pair, so that graph.pairs adds up what it reads: sorting costs half of what a hash table of pairs does.
-- `e` numbers interactions by time, so a larger one is a later one.
-- parameters: $window (microseconds, inclusive)
-- columns: a, z, o, ts (of the earlier action), first2 (2 if a was earlier, 1 for a tie, else 0), in order of a, z, o
WITH earlier AS (
    SELECT a, o, ts, e, ts // $window AS k FROM events
),
later AS (
    SELECT a, o, ts, e, k FROM earlier
    UNION ALL
    SELECT a, o, ts, e, k - 1 FROM earlier
)
SELECT least(x.a, y.a) AS a, greatest(x.a, y.a) AS z, x.o, x.ts,
    CAST(CASE WHEN x.ts = y.ts THEN 1 WHEN x.a < y.a THEN 2 ELSE 0 END AS TINYINT) AS first2
FROM earlier x JOIN later y ON x.o = y.o AND x.k = y.k
WHERE x.a <> y.a AND y.e > x.e AND y.ts - x.ts <= $window
ORDER BY a, z, o
