// How many relationships of a type there are (read off the count store, at once).
// names: type
// columns: n
MATCH ()-[r:__TYPE__]->()
RETURN count(r) AS n
