-- Nodes that one kind of deed gives more relationships than anybody can walk along, by the whole log.
-- A relationship comes of at least one row, so only where there are many rows they are counted exactly. Registrations
-- count all rows ever, not the latest alone: what was left out once stays out.
-- parameters: $limit
-- tables: deed_rows, account_rows
-- makes: dense (what, side, node, n): side `by`: n accounts did this to the object; `of`: the account did it to n objects
CREATE OR REPLACE TEMP TABLE dense AS
WITH
objects AS (SELECT what, object FROM deed_rows GROUP BY what, object HAVING count(*) > $limit),
actors AS (
    SELECT what, account_id FROM deed_rows WHERE what NOT IN ('client', 'device') GROUP BY what, account_id HAVING count(*) > $limit
),
registered AS (
    SELECT 'registered_client' AS what, account_id, registration_client AS object FROM account_rows
    UNION ALL
    SELECT 'registered_device', account_id, device_id FROM account_rows
)
SELECT what, 'by' AS side, object AS node, count(DISTINCT (account_id, channel)) AS n
FROM deed_rows SEMI JOIN objects USING (what, object) GROUP BY what, object HAVING n > $limit
UNION ALL
SELECT what, 'of', account_id, count(DISTINCT (object, channel)) AS n
FROM deed_rows SEMI JOIN actors USING (what, account_id) GROUP BY what, account_id HAVING n > $limit
UNION ALL
SELECT what, 'by', object, count(DISTINCT account_id) AS n
FROM registered WHERE object IS NOT NULL GROUP BY what, object HAVING n > $limit
