// Drop the coordination edges of every view but one.
// parameters: view: the number of the one to keep
// columns: none
MATCH (:Account)-[r:COORDINATED_WITH]->(:Account)
WHERE r.view <> $view
DELETE r
