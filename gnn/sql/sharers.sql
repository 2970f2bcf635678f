-- Neighbours by rare objects: accounts that touched the same rare object at least `apart` microseconds earlier.
-- The rarest objects come first, up to `budget` ordered pairs; pairs in gnn_barred stay out.
-- parameters: rare (accounts an object may have), budget, apart, most (neighbours kept an account); reads gnn_touches, gnn_barred
-- columns: who, other (whose state flows to who)
WITH sizes AS (
    SELECT object_id, count(*) AS accounts FROM gnn_touches GROUP BY object_id HAVING count(*) BETWEEN 2 AND $rare
), kept AS (
    SELECT object_id FROM sizes
    QUALIFY sum(accounts * (accounts - 1)) OVER (ORDER BY accounts, object_id ROWS UNBOUNDED PRECEDING) <= $budget
), touches AS (
    SELECT t.who, t.object_id, t."at" FROM gnn_touches t JOIN kept USING (object_id)
), shared AS (
    SELECT a.who, b.who AS other, count(*) AS objects
    FROM touches a JOIN touches b USING (object_id)
    WHERE a.who <> b.who AND a."at" - b."at" >= $apart
    GROUP BY a.who, b.who
), allowed AS (
    SELECT * FROM shared ANTI JOIN gnn_barred USING (who, other)
)
SELECT who, other FROM allowed
QUALIFY row_number() OVER (
    PARTITION BY who ORDER BY objects DESC, (who * 2654435761 + other * 40503) % 1000003, other
) <= $most
ORDER BY who, other
