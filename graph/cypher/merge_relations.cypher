// Make relationships that are not there yet; set what they say to what the whole log says.
// names: type, label, key
// parameters: rows: [[account, object, count, first, last]], times in microseconds UTC
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row[0]})
MATCH (o:__LABEL__ {__KEY__: row[1]})
MERGE (a)-[r:__TYPE__]->(o)
SET r.count = row[2], r.firstAt = row[3], r.lastAt = row[4]
