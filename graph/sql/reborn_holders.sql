-- Who else in the data window has the traits of banned networks: accounts that are not banned.
-- parameters: $since, $until (microseconds UTC, until exclusive); reads account_ids, banned, ban_traits, trait_uses
-- columns: kind, trait, a
SELECT DISTINCT u.kind, u.trait, i.a
FROM (SELECT DISTINCT kind, trait FROM ban_traits) t
JOIN trait_uses u USING (kind, trait)
JOIN account_ids i USING (account_id)
WHERE (u."at" IS NULL OR (u."at" >= $since AND u."at" < $until))
    AND i.account_id NOT IN (SELECT account_id FROM banned)
ORDER BY u.kind, u.trait, i.a
