-- How many distinct objects of each account have a co-action along a coordination edge.
-- parameters: $window; reads kept (a, z)
-- columns: account_id, joint_objects
WITH joint AS (
    SELECT k.a, k.z, n.thing
    FROM kept k JOIN events x ON x.a = k.a
    JOIN events y ON y.a = k.z AND y.o = x.o AND abs(x.ts - y.ts) <= $window
    JOIN object_ids n ON n.o = x.o
)
SELECT account_id, count(DISTINCT thing) AS joint_objects
FROM (SELECT a, thing FROM joint UNION ALL SELECT z, thing FROM joint) JOIN account_ids USING (a)
GROUP BY account_id ORDER BY account_id
