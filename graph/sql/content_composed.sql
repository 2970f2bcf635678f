-- A text with letters and their marks composed (Unicode NFC); most texts hold none, and the question is cheaper than the answer.
-- parameters: none
-- makes: the macro content_composed(said)
CREATE OR REPLACE TEMP MACRO content_composed(said) AS
CASE WHEN regexp_matches(said, '[\p{M}\x{1100}-\x{11FF}]') THEN nfc_normalize(said) ELSE said END
