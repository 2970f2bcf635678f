-- A text with full width letters and digits at half width.
-- parameters: none
-- makes: the macro content_half(said)
CREATE OR REPLACE TEMP MACRO content_half(said) AS
CASE
    WHEN regexp_matches(said, '[０-９Ａ-Ｚａ-ｚ]') THEN translate(
        said,
        '０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ',
        '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    )
    ELSE said
END
