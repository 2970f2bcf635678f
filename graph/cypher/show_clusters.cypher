// Clusters of the run.
// parameters: view: number; rows: [{cluster_id, size}]
// columns: none
MATCH (run:Run {view: $view})
UNWIND $rows AS row
CREATE (:Cluster {view: $view, clusterId: row.cluster_id, size: row.size})-[:FOUND_IN]->(run)
