// Indexes that neither Neo4j nor Shoal makes by itself.
// parameters: names: those of Shoal
// columns: name
SHOW INDEXES YIELD name, type
WHERE type <> 'LOOKUP' AND NOT name IN $names
RETURN name
