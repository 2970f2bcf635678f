-- Every account of the log with what the platform says about it.
-- tables: log_interactions, bare_actions, account_rows, accounts
-- columns: account_id, registered_at, verified_role, declared_automation
SELECT account_id, registered_at, verified_role, declared_automation
FROM (
    SELECT account_id FROM log_interactions
    UNION SELECT account_id FROM bare_actions
    UNION SELECT account_id FROM account_rows
    UNION SELECT target_id FROM log_interactions WHERE kind IN ('message', 'follow') AND target_id IS NOT NULL
)
LEFT JOIN accounts USING (account_id)
