// Who belongs to each cluster, and who acts first in it.
// parameters: view: number; rows: [maps with the columns of the table clusters, lead_share, median_lag]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_id})
MATCH (c:Cluster {view: $view, clusterId: row.cluster_id})
CREATE (a)-[:MEMBER_OF {
    role: row.role, stability: row.stability, leadShare: row.lead_share, medianLag: row.median_lag
}]->(c)
