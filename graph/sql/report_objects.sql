-- The objects that say most about each cluster: those that most of its members met on, rarest first.
-- parameters: top: how many objects a cluster
-- tables: evidence, clusters (graph.model)
-- columns: cluster_id, channel, object_id, members, first_at, last_at, gap (microseconds), object_accounts
WITH met AS (
    SELECT a.cluster_id, e.channel, e.object_id, e.account_a, e.account_b, e.a_at, e.b_at, e.object_accounts
    FROM evidence AS e
    JOIN clusters AS a ON a.account_id = e.account_a
    JOIN clusters AS b ON b.account_id = e.account_b AND b.cluster_id = a.cluster_id
),
gaps AS (
    SELECT
        cluster_id, channel, object_id,
        quantile_disc(abs(a_at - b_at), 0.5) AS gap,
        max(object_accounts) AS object_accounts
    FROM met
    GROUP BY ALL
),
acted AS (
    SELECT cluster_id, channel, object_id, account_a AS account_id, a_at AS acted_at FROM met
    UNION ALL
    SELECT cluster_id, channel, object_id, account_b, b_at FROM met
),
spans AS (
    SELECT
        cluster_id, channel, object_id,
        count(DISTINCT account_id) AS members,
        min(acted_at) AS first_at,
        max(acted_at) AS last_at
    FROM acted
    GROUP BY ALL
)
SELECT cluster_id, channel, object_id, members, first_at, last_at, gap, object_accounts
FROM spans
JOIN gaps USING (cluster_id, channel, object_id)
QUALIFY row_number() OVER (
    PARTITION BY cluster_id ORDER BY members DESC, object_accounts, channel, object_id
) <= $top
ORDER BY cluster_id, members DESC, object_accounts, channel, object_id
