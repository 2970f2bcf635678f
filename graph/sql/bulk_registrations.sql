-- What accounts were registered with, between the numbers that the nodes have.
-- parameters: $label: Client or Device
-- tables: facts (account_facts.sql), numbered (label, key, node)
-- columns: account, object
SELECT a.node AS account, o.node AS object
FROM facts
JOIN numbered AS a ON a.label = 'Account' AND a.key = account_id
JOIN numbered AS o ON o.label = $label AND o.key = CASE $label WHEN 'Client' THEN registration_client ELSE device_id END
ORDER BY ALL
