// Lets people sort accounts by score.
// names: name
// columns: none
CREATE INDEX __NAME__ IF NOT EXISTS FOR (n:Account) ON (n.score)
