-- The kept pairs with their ids as they stood in the file, in order.
-- parameters: none; {pairs} is the name of a table put in by graph/peers/coortweet.py
-- reads: {pairs}, coortweet_rows, coortweet_shares
-- columns: object_id, content_id, content_id_y, dt (microseconds), account_id, account_id_y
SELECT s.object_id, s.content_id, t.content_id AS content_id_y, p.dt, s.account_id, t.account_id AS account_id_y
FROM {pairs} p
JOIN coortweet_rows x ON x.id = p.x
JOIN coortweet_rows y ON y.id = p.y
JOIN coortweet_shares s ON s.n = x.n
JOIN coortweet_shares t ON t.n = y.n
ORDER BY p.place
