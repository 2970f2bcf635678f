// Set what the platform says about accounts; null takes a property away.
// parameters: rows: [[account, registered at, verified role, declared automation, client, device]]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row[0]})
SET a.registeredAt = row[1], a.verifiedRole = row[2], a.declaredAutomation = row[3]
