// Take the view of the last run away: its coordination edges.
// columns: none
MATCH (:Account)-[r:COORDINATED_WITH]->(:Account)
DELETE r
