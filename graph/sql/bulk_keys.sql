-- Key of every node of one label, apart from accounts.
-- parameters: $label
-- tables: deeds, kinds, left_out, facts (account_facts.sql)
-- columns: key
SELECT object AS key FROM deeds WHERE what IN (SELECT what FROM kinds WHERE label = $label)
UNION SELECT registration_client FROM facts WHERE $label = 'Client' AND registration_client IS NOT NULL
UNION SELECT device_id FROM facts WHERE $label = 'Device' AND device_id IS NOT NULL
UNION SELECT node FROM left_out WHERE label = $label
