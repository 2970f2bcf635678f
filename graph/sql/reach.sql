-- How much of what few people know each network reaches: of the texts or targets of the data window that so many people
-- have, how many two of its accounts have.
-- parameters: $since, $until (microseconds UTC, until exclusive), $least (accounts that make it the network's)
-- reads account_ids, trait_uses, standing (a, network; network null: one of the people)
-- columns: kind, about (floor of the binary logarithm of the people who have it), network (null: all there are), things
WITH held AS (
    SELECT DISTINCT u.kind, u.trait, s.a, s.network
    FROM trait_uses u JOIN account_ids USING (account_id) JOIN standing s USING (a)
    WHERE u.kind <> 'device' AND u."at" >= $since AND u."at" < $until
),
known AS (
    SELECT kind, trait, floor(log2(count(*)))::INTEGER AS about FROM held WHERE network IS NULL GROUP BY kind, trait
),
theirs AS (
    SELECT kind, trait, network FROM held WHERE network IS NOT NULL GROUP BY kind, trait, network HAVING count(*) >= $least
)
SELECT kind, about, NULL AS network, count(*) AS things FROM known GROUP BY kind, about
UNION ALL
SELECT kind, about, network, count(*) FROM theirs JOIN known USING (kind, trait) GROUP BY kind, about, network
ORDER BY ALL
