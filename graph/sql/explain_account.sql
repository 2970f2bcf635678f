-- What the log knows of one account, for questions about an id that may be misspelt.
-- parameters: $account, $since, $until (microseconds UTC, until exclusive)
-- tables: actions, accounts
-- columns: logged, inside (actions in the log, and in the data window), known (has a row in accounts),
--          alike (ids that differ in case or in outer spaces alone, sorted)
WITH names AS (
    SELECT account_id FROM actions WHERE lower(trim(account_id)) = lower(trim($account))
    UNION
    SELECT account_id FROM accounts WHERE lower(trim(account_id)) = lower(trim($account))
)
SELECT
    (SELECT count(*) FROM actions WHERE account_id = $account) AS logged,
    (SELECT count(*) FROM actions WHERE account_id = $account AND "at" >= $since AND "at" < $until) AS inside,
    (SELECT count(*) FROM names WHERE account_id = $account) AS known,
    (SELECT list(account_id ORDER BY account_id) FROM names WHERE account_id <> $account) AS alike
