-- How many pairs of events windows_pairs.sql would look at: those on one object at most two windows apart.
-- Linear in events: counted by sorted windows.
-- parameters: none (DuckDB wants frame bounds as literals: {reach} is an integer, twice the window); reads events
-- columns: pairs (ordered)
SELECT coalesce(sum(near - 1), 0)::BIGINT AS pairs
FROM (
    SELECT count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {reach} PRECEDING AND {reach} FOLLOWING) AS near
    FROM events
)
