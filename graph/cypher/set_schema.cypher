// Record which schema this database has; the node is there once.
// parameters: version: integer
// columns: none
MERGE (s:Schema {name: 'shoal'})
SET s.version = $version
