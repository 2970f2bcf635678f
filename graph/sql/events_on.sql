-- Only the actions on some channels.
-- parameters: none; reads wanted (channel)
-- makes: events (a, o, ts, e)
CREATE OR REPLACE TEMP TABLE events AS
SELECT x.a, x.o, x.ts, x.e
FROM events x JOIN object_ids n ON n.o = x.o JOIN wanted w ON w.channel = n.channel
