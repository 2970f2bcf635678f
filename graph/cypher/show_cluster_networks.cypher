// Which network each cluster belongs to.
// parameters: rows: [{cluster_id, network_id}]
// columns: none
UNWIND $rows AS row
MATCH (c:Cluster {clusterId: row.cluster_id})
MATCH (n:Network {networkId: row.network_id})
CREATE (c)-[:OF]->(n)
