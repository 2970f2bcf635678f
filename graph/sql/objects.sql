-- Integer ids of what can be acted on together: channel and object with at least two accounts, in lexicographic order.
-- `thing` numbers the object alone: a like and a comment on one note are two rows and one thing.
-- parameters: $since, $until
-- makes: object_ids (o, thing, channel, object_id, accounts)
CREATE OR REPLACE TEMP TABLE object_ids AS
SELECT
    (row_number() OVER (ORDER BY channel, object_id) - 1)::INTEGER AS o,
    (dense_rank() OVER (ORDER BY object_id) - 1)::INTEGER AS thing,
    channel,
    object_id,
    accounts::INTEGER AS accounts
FROM (
    SELECT channel, object_id, count(DISTINCT account_id) AS accounts
    FROM actions WHERE "at" >= $since AND "at" < $until
    GROUP BY channel, object_id HAVING count(DISTINCT account_id) > 1
)
