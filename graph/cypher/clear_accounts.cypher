// Take away what the last run says of accounts.
// columns: none
MATCH (a:Account)
WHERE a.score IS NOT NULL OR a.degree IS NOT NULL
REMOVE a.score, a.scoreTarget, a.baseline, a.component, a.coarseCommunity, a.degree, a.pagerank, a.betweenness
