-- What each candidate pair did on each object that both acted on within the horizon.
-- parameters: $window, $horizon (microseconds, inclusive)
-- columns: pair, o, near, met: event pairs within the horizon and within the window
SELECT c.pair, x.o, count(*) AS near, count(*) FILTER (abs(x.ts - y.ts) <= $window) AS met
FROM candidates c
JOIN events x ON x.a = c.a
JOIN object_ids n ON n.o = x.o AND n.channel = c.channel
JOIN events y ON y.a = c.z AND y.o = x.o
WHERE abs(x.ts - y.ts) <= $horizon
GROUP BY c.pair, x.o
ORDER BY c.pair, x.o
