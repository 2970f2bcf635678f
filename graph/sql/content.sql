-- How many texts of every account there are to look at, and how often their templates come back.
-- parameters: $since, $until (reads content_said)
-- columns: account_id, public_texts, private_texts, compared_texts (with a template), compared_private (of these), across (with a
--          template that two other accounts used), own_templates (different ones), near_copies (with a template used more than
--          once, by whomever), revealing
WITH acted AS (
    SELECT account_id, object_id, channel = 'message_template' AS private FROM actions
    WHERE channel IN ('template', 'message_template') AND "at" >= $since AND "at" < $until
),
uses AS (
    SELECT account_id, object_id, private, count(*) AS texts FROM acted GROUP BY account_id, object_id, private
),
reused AS (
    SELECT *, count(*) OVER (PARTITION BY object_id) AS accounts FROM uses
),
templates AS (
    SELECT account_id, sum(texts)::BIGINT AS compared_texts, coalesce(sum(texts) FILTER (private), 0)::BIGINT AS compared_private,
        coalesce(sum(texts) FILTER (accounts >= 3), 0)::BIGINT AS across, count(*) AS own_templates,
        coalesce(sum(texts) FILTER (accounts > 1 OR texts > 1), 0)::BIGINT AS near_copies
    FROM reused GROUP BY account_id
),
spoken AS (
    SELECT account_id, count(*) AS public_texts, count(*) FILTER (revealing) AS revealing
    FROM content_said WHERE inside GROUP BY account_id
),
private AS (
    SELECT account_id, count(*) AS private_texts FROM interactions
    WHERE kind IN ('message', 'group_message') AND "at" >= $since AND "at" < $until GROUP BY account_id
)
SELECT account_id, coalesce(public_texts, 0) AS public_texts, coalesce(private_texts, 0) AS private_texts,
    coalesce(compared_texts, 0) AS compared_texts, coalesce(compared_private, 0) AS compared_private,
    coalesce(across, 0) AS across, coalesce(own_templates, 0) AS own_templates, coalesce(near_copies, 0) AS near_copies,
    coalesce(revealing, 0) AS revealing
FROM templates FULL JOIN spoken USING (account_id) FULL JOIN private USING (account_id)
ORDER BY account_id
