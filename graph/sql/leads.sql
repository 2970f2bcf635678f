-- How far each member acts ahead of the others of its cluster, over co-actions along coordination edges. A pair of
-- interactions counts once, however many channels it is seen on.
-- parameters: $window; reads kept (a, z): the edges inside clusters
-- columns: account, co_actions, median_lag (own time less the other's, the lower median)
WITH met AS (
    SELECT k.a, k.z, x.e AS xe, y.e AS ye, any_value(x.ts - y.ts) AS lag
    FROM kept k JOIN events x ON x.a = k.a
    JOIN events y ON y.a = k.z AND y.o = x.o AND abs(x.ts - y.ts) <= $window
    GROUP BY k.a, k.z, x.e, y.e
)
SELECT account, count(*) AS co_actions, quantile_disc(lag, 0.5) AS median_lag
FROM (SELECT a AS account, lag FROM met UNION ALL SELECT z, -lag FROM met)
GROUP BY account ORDER BY account
