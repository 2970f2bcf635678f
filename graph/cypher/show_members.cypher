// Who belongs to each cluster.
// parameters: view: number; rows: [maps with the columns of the table clusters]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_id})
MATCH (c:Cluster {view: $view, clusterId: row.cluster_id})
CREATE (a)-[:MEMBER_OF {role: row.role, stability: row.stability}]->(c)
