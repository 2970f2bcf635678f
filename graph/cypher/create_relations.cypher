// Make relationships, where none of this type to this label can be there yet.
// names: type, label, key
// parameters: rows: [[account, object, count, first, last]], times in microseconds UTC
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row[0]})
MATCH (o:__LABEL__ {__KEY__: row[1]})
CREATE (a)-[:__TYPE__ {count: row[2], firstAt: row[3], lastAt: row[4]}]->(o)
