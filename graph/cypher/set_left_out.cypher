// Say on nodes how many relationships they do not have, being too many.
// names: label, key, property
// parameters: rows: [[key, how many]]
// columns: none
UNWIND $rows AS row
MERGE (n:__LABEL__ {__KEY__: row[0]})
SET n.__PROPERTY__ = row[1]
