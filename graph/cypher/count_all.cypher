// How many nodes there are (read off the count store, at once).
// columns: n
MATCH (n)
RETURN count(n) AS n
