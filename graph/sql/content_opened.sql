-- A text without the accounts named in front of it (@name): they are whom it answers, not what it says.
-- parameters: none
-- makes: the macro content_opened(said)
CREATE OR REPLACE TEMP MACRO content_opened(said) AS
CASE
    WHEN ltrim(said)[1] IN ('@', '＠') THEN regexp_replace(said, '^(\s*[@＠][^\s:：,，]{1,64}[\s:：,，]+)+', '')
    ELSE said
END
