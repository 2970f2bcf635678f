// Who belongs to each cluster.
// parameters: rows: [maps with the columns of the table clusters]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_id})
MATCH (c:Cluster {clusterId: row.cluster_id})
CREATE (a)-[:MEMBER_OF {role: row.role, stability: row.stability}]->(c)
