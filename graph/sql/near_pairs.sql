-- How many pairs of actions lie within the horizon on one object, by the object's own count: what a join would make.
-- Linear in events: counted by sorted windows.
-- parameters: none (DuckDB wants frame bounds as literals: {horizon} is an integer put in by coaction.py)
-- columns: pairs (ordered)
SELECT coalesce(sum(near - 1), 0)::BIGINT AS pairs
FROM (
    SELECT count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {horizon} PRECEDING AND {horizon} FOLLOWING) AS near
    FROM events
)
