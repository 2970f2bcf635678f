// Link accounts to the client or device they were registered with.
// names: label, key
// parameters: rows: [[account, client or device]]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row[0]})
MATCH (o:__LABEL__ {__KEY__: row[1]})
MERGE (a)-[:REGISTERED_WITH]->(o)
