-- The plain form of a text: lower case, letters with their marks and numbers only; what tools and line breaks change is gone.
-- Of its first 1,000 characters.
-- parameters: none; uses content_opened, content_composed, content_half
-- makes: the macro content_plain(said)
CREATE OR REPLACE TEMP MACRO content_plain(said) AS
regexp_replace(lower(content_half(content_composed(left(content_opened(said), 1000)))), '[^\p{L}\p{M}\p{N}]+', '', 'g')
