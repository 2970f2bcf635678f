-- CooRTweet, step 4: C is all contents of the pairs. A pair stays if either of its contents belongs to an account with
-- at least $least rows whose content is in C (either, not both).
-- parameters: $least (rows), $window (microseconds; wider pairs are left out before anything is counted);
--             {pairs} and {kept} are names of tables put in by graph/peers/coortweet.py
-- reads: coortweet_rows, {pairs}
-- makes: {kept}, with the columns of {pairs}
CREATE OR REPLACE TEMP TABLE {kept} AS
WITH near AS (
    SELECT * FROM {pairs} WHERE dt <= $window
),
met AS (
    SELECT c FROM near UNION SELECT c_y FROM near
),
busy AS (
    SELECT DISTINCT c
    FROM (SELECT c, count(*) OVER (PARTITION BY a) AS acts FROM coortweet_rows SEMI JOIN met USING (c))
    WHERE acts >= $least
)
SELECT * FROM near WHERE c IN (SELECT c FROM busy) OR c_y IN (SELECT c FROM busy)
