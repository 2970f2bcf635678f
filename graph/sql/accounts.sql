-- Integer ids of the accounts that act in the data window, in lexicographic order.
-- parameters: $since, $until (microseconds UTC, until exclusive)
-- makes: account_ids (a, account_id)
CREATE OR REPLACE TEMP TABLE account_ids AS
SELECT (row_number() OVER (ORDER BY account_id) - 1)::INTEGER AS a, account_id
FROM (SELECT DISTINCT account_id FROM actions WHERE "at" >= $since AND "at" < $until)
