-- Acts x of one user that have an act y of another on the same key within the window, before or after. A bucket
-- equi-join (docs/decisions/0003): y lies in the same bucket of time as x, in the one before or in the next.
-- parameters of the macro: w (microseconds, inclusive), b (microseconds, more than 0, at least the window)
-- reads: toolkit_acts
-- makes: the macro toolkit_met(w, b); columns m1, u1, said1, u2, said2
CREATE OR REPLACE TEMP MACRO toolkit_met(w, b) AS TABLE
SELECT x.m AS m1, x.u AS u1, x.said AS said1, y.u AS u2, y.said AS said2
FROM (SELECT *, ts // b AS bucket FROM toolkit_acts) x
JOIN (SELECT * REPLACE (ts // b + unnest([-1, 0, 1]) AS bucket) FROM (SELECT *, 0 AS bucket FROM toolkit_acts)) y
    ON x.k = y.k AND x.bucket = y.bucket
WHERE x.u <> y.u AND abs(x.ts - y.ts) <= w
