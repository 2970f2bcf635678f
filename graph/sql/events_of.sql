-- Only the actions of some accounts.
-- parameters: none; reads taking_part (a)
-- makes: events (a, o, ts, e)
CREATE OR REPLACE TEMP TABLE events AS
SELECT x.a, x.o, x.ts, x.e FROM events x JOIN taking_part p ON p.a = x.a
