-- How many pairs of accounts have a co-action at all, on any one object.
-- One account in $modulus is taken (by its number, so that the same log gives the same answer) against all others.
-- A bucket equi-join: events at most the window apart lie in the same bucket of time or in neighbouring ones.
-- parameters: $window (microseconds, inclusive), $modulus; reads events
-- columns: pairs (ordered: of one sampled and one other account)
WITH sample AS (
    SELECT a, o, ts, unnest([ts // $window - 1, ts // $window, ts // $window + 1]) AS k
    FROM events WHERE a % $modulus = 0
),
met AS (
    SELECT DISTINCT x.a, y.a AS z
    FROM sample x JOIN events y ON y.o = x.o AND y.ts // $window = x.k
    WHERE y.a <> x.a AND abs(x.ts - y.ts) <= $window
)
SELECT count(*) AS pairs FROM met
