// What the graph's measures say of accounts.
// parameters: rows: [maps with the columns of the table measures]
// columns: accounts: how many were found
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_id})
SET a.component = row.component, a.coarseCommunity = row.coarse_community, a.degree = row.degree,
    a.pagerank = row.pagerank, a.betweenness = row.betweenness
RETURN count(a) AS accounts
