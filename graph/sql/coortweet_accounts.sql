-- Names of the accounts by number, so that row i (from 0) is account i; accounts are numbered from 1, and row 0 is null.
-- parameters: none
-- reads: coortweet_rows, coortweet_shares
-- columns: account_id
SELECT account_id
FROM (SELECT DISTINCT a, account_id FROM coortweet_rows JOIN coortweet_shares USING (n) UNION ALL SELECT 0, NULL)
ORDER BY a
