// How many relationships there are, by type.
// columns: name, n
MATCH ()-[r]->()
RETURN type(r) AS name, count(*) AS n ORDER BY name
