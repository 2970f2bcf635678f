-- Accounts whose ban stands: imposed before the window's end, not lifted by then, and not found genuine after it.
-- parameters: $until (microseconds UTC, exclusive)
-- makes: banned (network_id, account_id, at)
CREATE OR REPLACE TEMP TABLE banned AS
SELECT b.network_id, b.account_id, min(b."at") AS "at"
FROM bans b
WHERE b.what = 'imposed' AND b."at" < $until
    AND NOT EXISTS (FROM bans l WHERE l.what = 'lifted' AND l.ban_id = b.ban_id AND l."at" < $until)
    AND NOT EXISTS (
        FROM labels l
        WHERE l.account_id = b.account_id AND l.label = 'genuine' AND l.source IN ('platform', 'review')
            AND l."at" >= b."at" AND l."at" < $until
    )
GROUP BY b.network_id, b.account_id
