-- The actions as they would be had the interactions been done by other accounts; objects and times stay.
-- parameters: none; reads observed (a, o, ts, e), handed (e, a, by)
-- makes: events (a, o, ts, e)
CREATE OR REPLACE TEMP TABLE events AS
SELECT h.by::INTEGER AS a, x.o, x.ts, x.e
FROM observed x JOIN handed h ON h.e = x.e AND h.a = x.a
