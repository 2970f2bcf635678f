-- CooRTweet, step 1: the rows of accounts with at least $least of them, regrouped by account in order of appearance.
-- Ids become integers: accounts in order of their bytes, so that the smaller integer is the smaller name.
-- parameters: $least (rows of an account)
-- reads: coortweet_shares (n, object_id, account_id, content_id, ts), ts in microseconds
-- makes: coortweet_rows (id, o, a, c, ts, n, pairable); pairable: nothing is missing, and the object is not the content
CREATE OR REPLACE TEMP TABLE coortweet_rows AS
WITH counted AS (
    SELECT *,
        count(*) OVER (PARTITION BY account_id) AS acts,
        min(n) OVER (PARTITION BY account_id) AS first_row
    FROM coortweet_shares
)
SELECT
    row_number() OVER (ORDER BY first_row, n) AS id,
    dense_rank() OVER (ORDER BY object_id) AS o,
    dense_rank() OVER (ORDER BY account_id) AS a,
    dense_rank() OVER (ORDER BY content_id) AS c,
    ts, n,
    coalesce(object_id <> content_id AND account_id IS NOT NULL, false) AS pairable
FROM counted
WHERE acts >= $least
