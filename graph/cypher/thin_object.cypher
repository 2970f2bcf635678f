// Take some relationships of one type away from a node that got too many.
// names: type, label, key
// parameters: node: its key; size: how many at a time
// columns: n: how many went
MATCH (:Account)-[r:__TYPE__]->(:__LABEL__ {__KEY__: $node})
WITH r LIMIT $size
DELETE r
RETURN count(*) AS n
