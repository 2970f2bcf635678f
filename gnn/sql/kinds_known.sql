-- Which kinds the source knows at all: without one follow in the whole log, followers are unknown, not zero.
-- parameters: until (microseconds UTC, exclusive)
-- columns: kind
SELECT DISTINCT kind FROM interactions WHERE "at" < $until ORDER BY kind
