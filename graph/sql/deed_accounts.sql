-- Accounts that batches not loaded yet name.
-- tables: log_interactions, bare_actions, fresh_accounts
-- columns: account_id
SELECT account_id FROM log_interactions WHERE fresh
UNION SELECT account_id FROM bare_actions WHERE fresh
UNION SELECT account_id FROM fresh_accounts
UNION SELECT target_id FROM log_interactions WHERE fresh AND kind IN ('message', 'follow') AND target_id IS NOT NULL
ORDER BY account_id
