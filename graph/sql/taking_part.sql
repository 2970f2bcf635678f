-- Accounts that co-acted with somebody on at least {least} distinct objects. Linear in events: counted by sorted windows,
-- without making the pairs.
-- parameters: none (DuckDB wants frame bounds as literals: {window} and {least} are integers put in by graph/coact.py)
-- makes: taking_part (a)
CREATE OR REPLACE TEMP TABLE taking_part AS
SELECT s.a
FROM (
    SELECT
        a, o,
        count(*) OVER (PARTITION BY o ORDER BY ts RANGE BETWEEN {window} PRECEDING AND {window} FOLLOWING) AS around,
        count(*) OVER (PARTITION BY o, a ORDER BY ts RANGE BETWEEN {window} PRECEDING AND {window} FOLLOWING) AS own
    FROM events
) s
JOIN object_ids n ON n.o = s.o
WHERE s.around > s.own
GROUP BY s.a
HAVING count(DISTINCT n.thing) >= {least}
