-- What the platform says, today, about accounts that batches not loaded yet have rows for; without the client and
-- the device of registration where too many accounts have the same.
-- tables: accounts, fresh_accounts, dense
-- columns: account_id, registered_at, verified_role, declared_automation, registration_client, device_id
SELECT
    account_id, registered_at, verified_role, declared_automation,
    CASE WHEN registration_client NOT IN (SELECT node FROM dense WHERE what = 'registered_client')
        THEN registration_client END AS registration_client,
    CASE WHEN device_id NOT IN (SELECT node FROM dense WHERE what = 'registered_device') THEN device_id END AS device_id
FROM accounts SEMI JOIN fresh_accounts USING (account_id)
ORDER BY account_id
