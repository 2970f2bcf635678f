// What the models say of accounts.
// parameters: rows: [maps with the columns of the table scores]
// columns: accounts: how many were found
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_id})
SET a.score = row.score, a.scoreTarget = row.target, a.baseline = row.baseline
RETURN count(a) AS accounts
