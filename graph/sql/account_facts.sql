-- What the platform says, today, about accounts that batches not loaded yet have rows for.
-- tables: accounts, fresh_accounts
-- columns: account_id, registered_at, verified_role, declared_automation, registration_client, device_id
SELECT account_id, registered_at, verified_role, declared_automation, registration_client, device_id
FROM accounts SEMI JOIN fresh_accounts USING (account_id)
ORDER BY account_id
