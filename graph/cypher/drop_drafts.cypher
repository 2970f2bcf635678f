// Delete edges to measure, those of a load that was killed included.
// columns: none
MATCH (d:DraftEdges)
CALL (d) { DELETE d } IN TRANSACTIONS OF 100 ROWS
