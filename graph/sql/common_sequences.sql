-- The longest sequence of acts that some other account also did one after the other: 2, 4, 8 or 16 acts, each counted
-- when it is done for the first time, so that speaking on in one group chat is no sequence.
-- Sequences double: one of four acts is two of two, so each length costs one pass.
-- parameters: none; reads account_ids, acts
-- columns: account_id, longest
WITH once AS (
    SELECT a, deed, row_number() OVER (PARTITION BY a ORDER BY "at", event_id) AS place FROM acts WHERE first
),
two AS (SELECT a, place, hash(deed, lead(deed) OVER one) AS same2, count(*) OVER (PARTITION BY a) - place + 1 AS remaining
    FROM once WINDOW one AS (PARTITION BY a ORDER BY place)),
four AS (SELECT *, hash(same2, lead(same2, 2) OVER one) AS same4 FROM two WINDOW one AS (PARTITION BY a ORDER BY place)),
eight AS (SELECT *, hash(same4, lead(same4, 4) OVER one) AS same8 FROM four WINDOW one AS (PARTITION BY a ORDER BY place)),
sixteen AS (
    SELECT *, hash(same8, lead(same8, 8) OVER one) AS same16 FROM eight WINDOW one AS (PARTITION BY a ORDER BY place)
),
each AS (
    SELECT * FROM (
        SELECT a, remaining, unnest([2, 4, 8, 16]) AS n, unnest([same2, same4, same8, same16]) AS same FROM sixteen
    ) WHERE n <= remaining
),
shared AS (SELECT n, same FROM each GROUP BY n, same HAVING min(a) <> max(a))
SELECT i.account_id, max(n) AS longest
FROM each SEMI JOIN shared USING (n, same) JOIN account_ids i USING (a)
GROUP BY i.account_id ORDER BY i.account_id
