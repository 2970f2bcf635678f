// Delete every node with a label, a batch at a time.
// names: label
// columns: none
MATCH (n:__LABEL__)
CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 1000 ROWS
