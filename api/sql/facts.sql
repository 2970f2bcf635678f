-- What a publication knows about each account that there may be something to say about.
-- Tables: accounts, labels (event log); run_clusters, run_networks, run_behaviour, run_scores, run_text_scores,
--         run_suggestions (run); hosting_tools (client), named (account_id: reviewed, or judged before).
-- Parameters: until (microseconds), coordinated, ai_hosted, text_share (thresholds; 2 means never).
-- Columns: account_id, role, stability, network_id, size, days, density, in_window, organic_share, score, score_target,
--          text_share, texts_scored, registration_client, verified_role, declared_automation. One row an account, in order of account_id.
WITH candidate AS (
    SELECT account_id FROM run_clusters
    UNION
    SELECT account_id FROM run_scores
    WHERE score >= CASE target WHEN 'coordinated' THEN $coordinated WHEN 'ai_hosted' THEN $ai_hosted ELSE 2 END
    UNION
    SELECT account_id FROM run_text_scores WHERE ai_share >= $text_share
    UNION
    SELECT account_id FROM run_suggestions
    UNION
    SELECT account_id FROM accounts WHERE registration_client IN (SELECT client FROM hosting_tools)
    UNION
    SELECT account_id FROM labels WHERE source = 'platform' AND "at" < $until
    UNION
    SELECT account_id FROM named
)
SELECT
    candidate.account_id,
    run_clusters.role,
    run_clusters.stability,
    run_networks.network_id,
    run_networks.size,
    run_networks.days,
    run_networks.density,
    run_behaviour.account_id IS NOT NULL AS in_window,
    run_behaviour.organic_share,
    run_scores.score,
    run_scores.target AS score_target,
    run_text_scores.ai_share AS text_share,
    coalesce(run_text_scores.scored, 0) AS texts_scored,
    accounts.registration_client,
    accounts.verified_role,
    coalesce(accounts.declared_automation, false) AS declared_automation
FROM candidate
LEFT JOIN run_clusters ON run_clusters.account_id = candidate.account_id
LEFT JOIN run_networks ON run_networks.cluster_id = run_clusters.cluster_id
LEFT JOIN run_behaviour ON run_behaviour.account_id = candidate.account_id
LEFT JOIN run_scores ON run_scores.account_id = candidate.account_id
LEFT JOIN run_text_scores ON run_text_scores.account_id = candidate.account_id
LEFT JOIN accounts ON accounts.account_id = candidate.account_id
ORDER BY candidate.account_id
