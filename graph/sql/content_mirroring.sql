-- How much of what an account answers with is in the text it answers: trigrams of the answer that are in that text, in
-- millionths of the answer's, and the same less the mean over the other accounts that answered it, each account counting once.
-- Answers to oneself, answers under 12 plain characters, and texts that one account alone answered are left out.
-- parameters: none (reads content_said)
-- columns: account_id, compared_answers, mirrored and excess (millionths, summed over them)
WITH originals AS (
    SELECT content_id, arg_min(account_id, ("at", event_id)) AS maker, arg_min(plain, ("at", event_id)) AS plain
    FROM content_said WHERE content_id IS NOT NULL GROUP BY content_id
),
answers AS (
    SELECT row_number() OVER () AS answer, s.account_id, s.target_id, left(s.plain, 300) AS plain
    FROM content_said s JOIN originals o ON o.content_id = s.target_id
    WHERE s.inside AND s.answers AND s.account_id <> o.maker AND length(s.plain) >= 12 AND length(o.plain) >= 12
    WINDOW answered AS (PARTITION BY s.target_id)
    QUALIFY min(s.account_id) OVER answered <> max(s.account_id) OVER answered
),
letters AS (
    SELECT answer, target_id, list_transform(string_split(plain, ''), lambda c: unicode(c)::BIGINT) AS x FROM answers
    UNION ALL
    SELECT NULL, content_id, list_transform(string_split(plain, ''), lambda c: unicode(c)::BIGINT)
    FROM originals WHERE content_id IN (SELECT target_id FROM answers)
),
trigrams AS (
    SELECT answer, target_id,
        unnest(list_transform(range(1, len(x) - 1), lambda i: (x[i] << 42) + (x[i + 1] << 21) + x[i + 2])) AS trigram
    FROM letters
),
shared AS (
    SELECT answer, count(*) AS shared
    FROM trigrams SEMI JOIN (SELECT target_id, trigram FROM trigrams WHERE answer IS NULL) USING (target_id, trigram)
    WHERE answer IS NOT NULL GROUP BY answer
),
told AS (
    SELECT account_id, target_id, count(*) AS compared,
        sum(1000000 * coalesce(shared, 0) // (length(plain) - 2))::BIGINT AS mirrored
    FROM answers LEFT JOIN shared USING (answer) GROUP BY account_id, target_id
),
beside AS (
    SELECT account_id, compared, mirrored,
        (sum(mirrored // compared) OVER answered - mirrored // compared)::BIGINT // (count(*) OVER answered - 1) AS others
    FROM told WINDOW answered AS (PARTITION BY target_id)
)
SELECT account_id, sum(compared)::BIGINT AS compared_answers, sum(mirrored)::BIGINT AS mirrored,
    sum(mirrored - compared * others)::BIGINT AS excess
FROM beside GROUP BY account_id ORDER BY account_id
