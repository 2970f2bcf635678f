// Lets people sort accounts by score.
// columns: none
CREATE INDEX account_score IF NOT EXISTS FOR (n:Account) ON (n.score)
