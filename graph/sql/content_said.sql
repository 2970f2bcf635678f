-- What was said in public in the data window, and what it answers, even if that is older.
-- parameters: $since, $until, $revealing (regular expression of plain openings); uses content_opened, content_plain
-- makes: content_said (account_id, answers, inside, at, event_id, target_id, content_id, plain, revealing)
CREATE OR REPLACE TEMP TABLE content_said AS
WITH spoken AS (
    SELECT account_id, kind IN ('comment', 'reply') AS answers, "at" >= $since AS inside, "at", event_id, target_id, content_id, text
    FROM interactions
    WHERE text IS NOT NULL AND kind NOT IN ('message', 'group_message') AND "at" < $until AND (
        "at" >= $since OR content_id IN (
            SELECT target_id FROM interactions WHERE kind IN ('comment', 'reply') AND text IS NOT NULL AND "at" >= $since AND "at" < $until
        )
    )
)
SELECT account_id, answers, inside, "at", event_id, target_id, content_id, content_plain(text) AS plain,
    regexp_matches(plain, $revealing) AND NOT regexp_matches(content_opened(text), '^\s*[>"''“”„‟«»‘’‚‹›「『《〈＂＇＞]') AS revealing
FROM spoken
