// Transactions that are running, this one aside.
// columns: id
SHOW TRANSACTIONS YIELD transactionId, currentQuery
WHERE NOT currentQuery STARTS WITH '// Transactions that are running'
RETURN transactionId AS id
