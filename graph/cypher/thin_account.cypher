// Take some relationships of one type, to nodes of one label, away from an account that got too many.
// names: type, label
// parameters: node: the account; size: how many at a time
// columns: n: how many went
MATCH (:Account {accountId: $node})-[r:__TYPE__]->(:__LABEL__)
WITH r LIMIT $size
DELETE r
RETURN count(*) AS n
