-- Nodes of one label, and how many relationships they do not have, as one property says it.
-- parameters: $label, $property
-- tables: left_out
-- columns: node, n
SELECT node, n FROM left_out WHERE label = $label AND property = $property ORDER BY node
