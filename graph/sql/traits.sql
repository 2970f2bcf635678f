-- What tells that two accounts may have one operator, known before and apart from what they did: a device both were
-- registered or used on, and a registration client that few accounts have.
-- parameters: $rare (largest share of accounts that a client may have to say anything)
-- makes: traits (a, client, device)
CREATE OR REPLACE TEMP TABLE traits AS
WITH clients AS (
    SELECT registration_client AS client FROM account_ids JOIN accounts USING (account_id)
    WHERE registration_client IS NOT NULL GROUP BY client
    HAVING count(*) <= $rare * (SELECT count(*) FROM account_ids)
)
SELECT i.a, c.client, x.device_id AS device
FROM account_ids i JOIN accounts x USING (account_id) LEFT JOIN clients c ON c.client = x.registration_client
