// Forget what accounts were registered with, where a later row of the accounts table says otherwise.
// names: label, key
// parameters: rows: [[account, client or device, or null]]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row[0]})-[r:REGISTERED_WITH]->(o:__LABEL__)
WHERE row[1] IS NULL OR o.__KEY__ <> row[1]
DELETE r
WITH DISTINCT o WHERE NOT EXISTS { (o)--() } AND o.leftOut_USED_by IS NULL AND o.leftOut_REGISTERED_WITH_by IS NULL
DELETE o
