-- CooRTweet, step 6: one row an unordered pair of accounts, in order of its first pair of rows. The accounts are put in
-- order, the contents stay (older, newer), as in CooRTweet.
-- parameters: none; {pairs} is a query for kept pairs, put in by graph/peers/coortweet.py
-- columns: p, q (accounts, p < q), weight, dt (sum, microseconds), n_content_id, n_content_id_y
SELECT
    least(a, a_y) AS p, greatest(a, a_y) AS q,
    count(*) AS weight, sum(dt)::BIGINT AS dt,
    count(DISTINCT c) AS n_content_id, count(DISTINCT c_y) AS n_content_id_y
FROM ({pairs})
GROUP BY p, q
ORDER BY min(place)
