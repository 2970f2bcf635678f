-- What the banned accounts of each network had in common, ever before the window's end. A device needs one holder.
-- parameters: $until (microseconds UTC, exclusive), $least (holders of any other trait); reads banned, trait_uses
-- makes: ban_traits (network_id, kind, trait)
CREATE OR REPLACE TEMP TABLE ban_traits AS
SELECT b.network_id, u.kind, u.trait
FROM banned b JOIN trait_uses u USING (account_id)
WHERE u."at" IS NULL OR u."at" < $until
GROUP BY b.network_id, u.kind, u.trait
HAVING count(DISTINCT account_id) >= CASE u.kind WHEN 'device' THEN 1 ELSE $least END
