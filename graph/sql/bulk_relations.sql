-- The relationships of one kind of deed, between the numbers that the nodes have.
-- parameters: $what, $label
-- tables: kept_deeds, numbered (label, key, node)
-- columns: account, object, n, first_at, last_at, channel
SELECT a.node AS account, o.node AS object, n, first_at, last_at, channel
FROM kept_deeds
JOIN numbered AS a ON a.label = 'Account' AND a.key = account_id
JOIN numbered AS o ON o.label = $label AND o.key = object
WHERE what = $what
ORDER BY ALL
