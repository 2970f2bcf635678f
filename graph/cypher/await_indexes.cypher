// Wait until indexes can be used.
// columns: none
CALL db.awaitIndexes(300)
