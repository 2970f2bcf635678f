// How many nodes there are, by label (each of Shoal's nodes has one).
// columns: name, n
MATCH (n)
UNWIND labels(n) AS name
RETURN name, count(*) AS n ORDER BY name
