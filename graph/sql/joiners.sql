-- What the accounts outside of clusters did around the moments of each cluster.
-- parameters: $window, $horizon; reads moments, clustered (a)
-- columns: cluster, a, o, near (pairs of its actions and moments within the horizon), met (of these, within the window),
--     span (microseconds, sum of the lengths of these moments)
SELECT m.cluster, x.a, m.o, count(*) AS near,
    count(*) FILTER (x.ts >= m.first_ts - $window AND x.ts <= m.last_ts + $window) AS met,
    sum(m.last_ts - m.first_ts)::BIGINT AS span
FROM moments m JOIN events x ON x.o = m.o AND x.ts >= m.first_ts - $horizon AND x.ts <= m.last_ts + $horizon
ANTI JOIN clustered c ON c.a = x.a
GROUP BY m.cluster, x.a, m.o
ORDER BY m.cluster, x.a, m.o
