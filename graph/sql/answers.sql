-- How each account answers: comments and replies after the note they answer was posted, and private messages after the
-- one they answer. A note is known by its id, whenever it was posted; of private texts no length is known.
-- parameters: $since, $until; reads account_ids
-- makes: answers (a, latency (microseconds), chars (without white space; null: no public text))
CREATE OR REPLACE TEMP TABLE answers AS
WITH posted AS (
    SELECT content_id, arg_min(account_id, ("at", event_id)) AS author, min("at") AS "at"
    FROM interactions WHERE kind IN ('note', 'comment', 'reply') AND content_id IS NOT NULL AND "at" < $until
    GROUP BY content_id
),
messages AS (
    SELECT account_id, "at", lag(account_id) OVER turn AS before, lag("at") OVER turn AS before_at
    FROM interactions
    WHERE kind = 'message' AND target_id <> account_id AND "at" >= $since AND "at" < $until
    WINDOW turn AS (PARTITION BY least(account_id, target_id), greatest(account_id, target_id) ORDER BY "at", event_id)
),
answered AS (
    SELECT i.account_id, i."at" - p."at" AS latency, length(nullif(regexp_replace(i.text, '\s+', '', 'g'), '')) AS chars
    FROM interactions i JOIN posted p ON p.content_id = i.target_id
    WHERE i.kind IN ('comment', 'reply') AND i.account_id <> p.author AND i."at" >= p."at"
        AND i."at" >= $since AND i."at" < $until
    UNION ALL
    SELECT account_id, "at" - before_at, NULL FROM messages WHERE before <> account_id
)
SELECT i.a, x.latency, x.chars FROM answered x JOIN account_ids i USING (account_id)
