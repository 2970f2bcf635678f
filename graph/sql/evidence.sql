-- The closest pair of events on each object, for the edges whose evidence is kept.
-- parameters: $window, $most (objects an edge); reads kept (a, z)
-- columns: those of the table evidence
WITH joint AS (
    SELECT k.a, k.z, x.o, x.ts AS a_at, y.ts AS b_at, x.e AS xe, y.e AS ye
    FROM kept k JOIN events x ON x.a = k.a
    JOIN events y ON y.a = k.z AND y.o = x.o AND abs(x.ts - y.ts) <= $window
    QUALIFY row_number() OVER (PARTITION BY k.a, k.z, x.o ORDER BY abs(x.ts - y.ts), least(x.ts, y.ts), x.e, y.e) = 1
),
rarest AS (
    SELECT joint.*, n.channel, n.object_id, n.accounts
    FROM joint JOIN object_ids n USING (o)
    QUALIFY row_number() OVER (PARTITION BY a, z ORDER BY n.accounts, n.channel, n.object_id) <= $most
),
named AS (
    SELECT (dense_rank() OVER (ORDER BY "at", event_id))::BIGINT AS e, event_id
    FROM actions JOIN object_ids USING (channel, object_id)
    WHERE "at" >= $since AND "at" < $until
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY channel, object_id) = 1
)
SELECT p.account_id AS account_a, q.account_id AS account_b, r.channel, r.object_id, r.a_at, r.b_at,
    u.event_id AS a_event_id, v.event_id AS b_event_id, r.accounts::BIGINT AS object_accounts
FROM rarest r
JOIN account_ids p ON p.a = r.a JOIN account_ids q ON q.a = r.z
JOIN named u ON u.e = r.xe JOIN named v ON v.e = r.ye
ORDER BY account_a, account_b, channel, object_id
