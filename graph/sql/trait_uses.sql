-- What accounts use and act on: texts (templates), devices with registration clients, and all other objects (targets),
-- each known by its id alone, whatever the channel. `at` is null for what is known of an account since it was registered.
-- makes: trait_uses (account_id, kind, trait, at)
CREATE OR REPLACE TEMP VIEW trait_uses AS
SELECT account_id, CASE WHEN starts_with(object_id, 'template:') THEN 'template'
    WHEN starts_with(object_id, 'device:') OR starts_with(object_id, 'client:') THEN 'device'
    ELSE 'target' END AS kind, object_id AS trait, "at"
FROM actions
UNION ALL
SELECT account_id, 'device', 'device:' || device_id, "at" FROM interactions WHERE device_id IS NOT NULL
UNION ALL
SELECT account_id, 'device', 'device:' || device_id, NULL FROM accounts WHERE device_id IS NOT NULL
UNION ALL
SELECT account_id, 'device', 'client:' || registration_client, NULL FROM accounts WHERE registration_client IS NOT NULL
