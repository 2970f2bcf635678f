// Take the view of the last run away: the run, its clusters and networks, and what hangs on them.
// columns: none
MATCH (n:Run|Cluster|Network)
DETACH DELETE n
