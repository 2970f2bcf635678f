// How many nodes with a label there are (read off the count store, at once).
// names: label
// columns: n
MATCH (n:__LABEL__)
RETURN count(n) AS n
