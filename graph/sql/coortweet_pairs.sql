-- CooRTweet, steps 2, 3 and 5: pairs of rows on one object within the window, the older first; of two at the same
-- time, the one that comes first when regrouped. A bucket equi-join (docs/decisions/0003): the newer row lies in the
-- same bucket of time as the older one or in the next.
-- parameters: $window (microseconds, inclusive), $bucket (microseconds, more than 0, at least the window)
-- reads: coortweet_rows
-- makes: coortweet_pairs (place, x, y, dt, c, c_y, a, a_y): place orders pairs as CooRTweet does: by the object's first
--        row, then by the row that comes second when regrouped, then by the other; x and y are rows of coortweet_rows
CREATE OR REPLACE TEMP TABLE coortweet_pairs AS
WITH appeared AS (
    SELECT o, min(id) AS first_id FROM coortweet_rows GROUP BY o
),
older AS (
    SELECT id, o, a, c, ts, ts // $bucket AS k FROM coortweet_rows WHERE pairable
),
newer AS (
    SELECT * FROM older
    UNION ALL
    SELECT id, o, a, c, ts, k - 1 FROM older
),
met AS (
    SELECT x.o, x.id AS x, y.id AS y, y.ts - x.ts AS dt, x.c, y.c AS c_y, x.a, y.a AS a_y
    FROM older x JOIN newer y ON x.o = y.o AND x.k = y.k
    WHERE y.ts >= x.ts AND y.ts - x.ts <= $window AND (y.ts > x.ts OR y.id > x.id) AND x.a <> y.a AND x.c <> y.c
)
SELECT row_number() OVER (ORDER BY first_id, greatest(x, y), least(x, y)) AS place, x, y, dt, c, c_y, a, a_y
FROM met JOIN appeared USING (o)
