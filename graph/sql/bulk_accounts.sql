-- Key of every account of the log.
-- tables: log_interactions, bare_actions, account_rows
-- columns: key
SELECT account_id AS key FROM log_interactions
UNION SELECT account_id FROM bare_actions
UNION SELECT account_id FROM account_rows
UNION SELECT target_id FROM log_interactions WHERE kind IN ('message', 'follow') AND target_id IS NOT NULL
