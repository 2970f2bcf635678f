// Drop run, clusters and networks of every view but one, with what hangs on them.
// parameters: view: the number of the one to keep
// columns: none
MATCH (n:Run|Cluster|Network)
WHERE n.view <> $view
DETACH DELETE n
