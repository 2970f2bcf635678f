-- The relationships of one kind of deed, without those of nodes that have too many.
-- parameters: $what
-- tables: deeds, dense
-- columns: account_id, object, n, first_at, last_at, channel
SELECT account_id, object, n, first_at, last_at, channel
FROM deeds
ANTI JOIN (SELECT node AS object FROM dense WHERE what = $what AND side = 'by') USING (object)
ANTI JOIN (SELECT node AS account_id FROM dense WHERE what = $what AND side = 'of') USING (account_id)
WHERE what = $what
ORDER BY account_id, object, channel
