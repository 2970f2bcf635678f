-- How each account acts in time, in integers.
-- parameters: $least (answers that a profile needs), $quiet (microseconds: a gap at least as long is a rest), $at_once (microseconds between two acts that one
--     person hardly does),
--     $text (characters from which a text counts as written)
-- what was before the first act is not known, and taken for a rest
-- where a day begins is up to the account: of four beginnings, six hours apart, the one that shows the fewest days without rest,
--     or whoever wakes about midnight UTC would have some days with two rests and some with none
-- reads: account_ids, acts, answers
-- columns: account_id, acts, active_days, gaps, restless_days, of_days (days as the account has them), switches, gap_total, gap_squares (milliseconds),
--     gap_entropy (nats, over octaves of seconds), answers, answer_us (median), written, speed (median characters in 1000 s),
--     alike (others whose quartiles of the time to answer are the same in quarters of an octave; null: too few answers)
WITH beginnings AS (SELECT unnest([0, 6, 12, 18]) * 3600000000 AS beginning),
days AS (
    SELECT a, beginning, ("at" - beginning) // 86400000000 AS day, max(coalesce(gap, $quiet)) AS longest
    FROM acts, beginnings GROUP BY ALL
),
rests AS (
    SELECT a, beginning, count(*) AS days, count(*) FILTER (longest < $quiet) AS restless FROM days GROUP BY a, beginning
),
restless AS (
    SELECT a, max(days) FILTER (beginning = 0) OVER (PARTITION BY a) AS active_days, restless AS restless_days, days AS of_days
    FROM rests QUALIFY row_number() OVER (PARTITION BY a ORDER BY restless / days, beginning) = 1
),
gaps AS (
    SELECT a, count(*) AS acts, count(gap) AS gaps, count(*) FILTER (switched AND gap <= $at_once) AS switches,
        sum(gap // 1000)::HUGEINT AS gap_total, sum((gap // 1000)::HUGEINT * (gap // 1000)) AS gap_squares
    FROM acts GROUP BY a
),
octaves AS (
    SELECT a, floor(log2(greatest(1, gap / 1000000)))::INTEGER AS octave, count(*) AS n
    FROM acts WHERE gap IS NOT NULL GROUP BY ALL
),
entropies AS (
    -- rounded, and added up as whole numbers, so that the order of rows cannot change the result
    SELECT a, sum(round(-1e9 * n / total * ln(n / total))::BIGINT) / 1e9 AS gap_entropy
    FROM (SELECT *, sum(n) OVER (PARTITION BY a) AS total FROM octaves) GROUP BY a
),
answering AS (
    SELECT a, count(*) AS answers, quantile_disc(latency, 0.5) AS answer_us,
        list_transform(
            quantile_disc(latency, [0.25, 0.5, 0.75]), lambda t: round(4 * log2(greatest(t, 1000000) / 1000000))::INTEGER
        ) AS profile,
        count(*) FILTER (chars >= $text) AS written,
        quantile_disc(1000000000 * chars // greatest(latency, 1000000), 0.5) FILTER (chars >= $text) AS speed
    FROM answers GROUP BY a
),
profiles AS (
    SELECT a, count(*) OVER (PARTITION BY profile) - 1 AS alike FROM answering WHERE answers >= $least
)
SELECT i.account_id, g.acts, r.active_days, g.gaps, r.restless_days, r.of_days, g.switches, g.gap_total, g.gap_squares, e.gap_entropy,
    coalesce(x.answers, 0) AS answers, x.answer_us, coalesce(x.written, 0) AS written, x.speed, p.alike
FROM account_ids i JOIN gaps g USING (a) JOIN restless r USING (a) LEFT JOIN entropies e USING (a)
LEFT JOIN answering x USING (a) LEFT JOIN profiles p USING (a)
ORDER BY i.account_id
