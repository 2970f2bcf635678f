-- The most telling joint acts of each network: rare objects first, at most 3 rows an object.
-- Tables: run_evidence, run_clusters, run_networks. Parameters: limit (rows a network).
-- Columns: network_id, position, account_a, account_b, channel, object_id, a_at, b_at, object_accounts.
WITH joint AS (
    SELECT run_networks.network_id, run_evidence.*
    FROM run_evidence
    JOIN run_clusters AS a ON a.account_id = run_evidence.account_a
    JOIN run_clusters AS b ON b.account_id = run_evidence.account_b AND b.cluster_id = a.cluster_id
    JOIN run_networks ON run_networks.cluster_id = a.cluster_id
),
spread AS (
    SELECT *
    FROM joint
    QUALIFY row_number() OVER (
        PARTITION BY network_id, channel, object_id ORDER BY abs(a_at - b_at), account_a, account_b
    ) <= 3
)
SELECT
    network_id,
    row_number() OVER (
        PARTITION BY network_id ORDER BY object_accounts, abs(a_at - b_at), channel, object_id, account_a, account_b
    ) AS "position",
    account_a, account_b, channel, object_id, a_at, b_at, object_accounts
FROM spread
QUALIFY "position" <= $limit
ORDER BY network_id, "position"
