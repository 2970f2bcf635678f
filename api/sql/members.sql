-- Members of each network. Tables: run_clusters, run_networks.
-- Columns: network_id, account_id, role, stability. In order of network_id, account_id.
SELECT run_networks.network_id, run_clusters.account_id, coalesce(run_clusters.role, 'unknown') AS role, run_clusters.stability
FROM run_clusters
JOIN run_networks ON run_networks.cluster_id = run_clusters.cluster_id
ORDER BY run_networks.network_id, run_clusters.account_id
