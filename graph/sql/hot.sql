-- Actions in the midst of a crowd: more than {crowd} actions of others on the same object within the window.
-- Linear in events: counted by sorted windows.
-- parameters: none (DuckDB wants frame bounds as literals: {window} and {crowd} are integers put in by coaction.py)
-- makes: hot (a, o, ts, e)
CREATE OR REPLACE TEMP TABLE hot AS
SELECT a, o, ts, e
FROM (
    SELECT
        a, o, ts, e,
        count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {window} PRECEDING AND {window} FOLLOWING) AS around,
        count(*) OVER (PARTITION BY o, a ORDER BY ts RANGE BETWEEN {window} PRECEDING AND {window} FOLLOWING) AS own
    FROM events
)
WHERE around - own > {crowd}
