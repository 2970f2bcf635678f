// Which network each cluster belongs to.
// parameters: view: number; rows: [{cluster_id, network_id}]
// columns: none
UNWIND $rows AS row
MATCH (c:Cluster {view: $view, clusterId: row.cluster_id})
MATCH (n:Network {view: $view, networkId: row.network_id})
CREATE (c)-[:OF]->(n)
