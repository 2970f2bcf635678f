// Clusters of the run.
// parameters: run: run id; rows: [{cluster_id, size}]
// columns: none
MATCH (run:Run {runId: $run})
UNWIND $rows AS row
CREATE (:Cluster {clusterId: row.cluster_id, size: row.size})-[:FOUND_IN]->(run)
