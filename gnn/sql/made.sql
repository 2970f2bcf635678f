-- Who made which content, and when: the target of a comment or a share is known by the id of the note.
-- parameters: until (microseconds UTC, exclusive)
-- makes: gnn_made (content_id, maker, at)
CREATE OR REPLACE TEMP TABLE gnn_made AS
SELECT content_id, min(account_id) AS maker, min("at") AS "at"
FROM interactions
WHERE content_id IS NOT NULL AND "at" < $until AND kind IN ('note', 'comment', 'reply')
GROUP BY content_id
