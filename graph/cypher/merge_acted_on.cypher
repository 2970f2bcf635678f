// As merge_relations, for sources that know objects and channels alone: one relationship a channel.
// names: type, label, key
// parameters: rows: [[account, object, count, first, last, channel]], times in microseconds UTC
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row[0]})
MATCH (o:__LABEL__ {__KEY__: row[1]})
MERGE (a)-[r:__TYPE__ {channel: row[5]}]->(o)
SET r.count = row[2], r.firstAt = row[3], r.lastAt = row[4]
