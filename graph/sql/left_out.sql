-- What the nodes of `dense` say of the relationships that they do not have.
-- tables: dense, kinds (what, type, label)
-- makes: left_out (label, node, property, n)
CREATE OR REPLACE TEMP TABLE left_out AS
SELECT
    CASE side WHEN 'by' THEN label ELSE 'Account' END AS label, node,
    'leftOut_' || type || CASE side WHEN 'by' THEN '_by' ELSE '' END AS property, sum(n)::BIGINT AS n
FROM dense JOIN kinds USING (what)
GROUP BY ALL
