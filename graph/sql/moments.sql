-- When and on what the members of each cluster co-acted: runs of joint actions no further apart than the window.
-- parameters: $window; reads kept (a, z, cluster): the edges inside clusters
-- makes: moments (cluster, o, first_ts, last_ts)
CREATE OR REPLACE TEMP TABLE moments AS
WITH joint AS (
    SELECT k.cluster, x.o, x.ts AS x_ts, y.ts AS y_ts
    FROM kept k JOIN events x ON x.a = k.a
    JOIN events y ON y.a = k.z AND y.o = x.o AND abs(x.ts - y.ts) <= $window
),
acted AS (SELECT cluster, o, x_ts AS ts FROM joint UNION SELECT cluster, o, y_ts AS ts FROM joint),
gaps AS (
    SELECT cluster, o, ts, CASE WHEN ts - lag(ts) OVER (PARTITION BY cluster, o ORDER BY ts) <= $window THEN 0 ELSE 1 END AS begins
    FROM acted
),
runs AS (SELECT cluster, o, ts, sum(begins) OVER (PARTITION BY cluster, o ORDER BY ts) AS run FROM gaps)
SELECT cluster, o, min(ts) AS first_ts, max(ts) AS last_ts FROM runs GROUP BY cluster, o, run
