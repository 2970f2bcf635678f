// Which schema this database has.
// columns: version
MATCH (s:Schema {name: 'shoal'})
RETURN s.version AS version
