-- On what, and on how many days, the members of each cluster co-acted.
-- parameters: $window; reads kept (a, z, cluster): the edges inside clusters
-- columns: cluster, objects, days, first_at, last_at
SELECT k.cluster, count(DISTINCT n.thing) AS objects, count(DISTINCT least(x.ts, y.ts) // 86400000000) AS days,
    min(least(x.ts, y.ts)) AS first_at, max(least(x.ts, y.ts)) AS last_at
FROM kept k JOIN events x ON x.a = k.a
JOIN events y ON y.a = k.z AND y.o = x.o AND abs(x.ts - y.ts) <= $window
JOIN object_ids n ON n.o = x.o
GROUP BY k.cluster ORDER BY k.cluster
