-- For every object, how many pairs of actions of two different accounts lie within the horizon, and within the window.
-- Linear in events: counted by sorted windows, without making the pairs.
-- parameters: none (DuckDB wants frame bounds as literals: {window} and {horizon} are integers put in by coaction.py)
-- columns: o, near, met
SELECT o, sum(near - own_near)::BIGINT AS near, sum(met - own_met)::BIGINT AS met
FROM (
    SELECT
        o,
        count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {horizon} PRECEDING AND CURRENT ROW) AS near,
        count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {window} PRECEDING AND CURRENT ROW) AS met,
        count(*) OVER (PARTITION BY o, a ORDER BY ts RANGE BETWEEN {horizon} PRECEDING AND CURRENT ROW) AS own_near,
        count(*) OVER (PARTITION BY o, a ORDER BY ts RANGE BETWEEN {window} PRECEDING AND CURRENT ROW) AS own_met
    FROM events
)
GROUP BY o ORDER BY o
