-- For every object, how many pairs of actions of two unsuspected accounts lie within the horizon, and within the window.
-- Linear in events: counted by sorted windows, without making the pairs.
-- parameters: none (DuckDB wants frame bounds as literals: {window} and {horizon} are integers put in by coaction.py);
--             reads suspects (a)
-- columns: o, near, met
-- each pair is seen from both ends
SELECT o, (sum(near - own_near) // 2)::BIGINT AS near, (sum(met - own_met) // 2)::BIGINT AS met
FROM (
    SELECT
        o,
        count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {horizon} PRECEDING AND {horizon} FOLLOWING) AS near,
        count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {window} PRECEDING AND {window} FOLLOWING) AS met,
        count(*) OVER (PARTITION BY o, a ORDER BY ts RANGE BETWEEN {horizon} PRECEDING AND {horizon} FOLLOWING) AS own_near,
        count(*) OVER (PARTITION BY o, a ORDER BY ts RANGE BETWEEN {window} PRECEDING AND {window} FOLLOWING) AS own_met
    FROM events ANTI JOIN suspects USING (a)
)
GROUP BY o ORDER BY o
