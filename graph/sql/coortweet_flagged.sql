-- CooRTweet, step 8: the kept pairs in the order the fast network puts them in (by their two contents), each marked fast
-- if its two contents are those of a pair kept within the fast window.
-- parameters: none
-- reads: coortweet_kept, coortweet_fast
-- makes: coortweet_flagged, with the columns of coortweet_kept (place anew) and fast
CREATE OR REPLACE TEMP TABLE coortweet_flagged AS
SELECT row_number() OVER (ORDER BY k.c, k.c_y, k.place) AS place,
    k.x, k.y, k.dt, k.c, k.c_y, k.a, k.a_y, f.c IS NOT NULL AS fast
FROM coortweet_kept k LEFT JOIN (SELECT DISTINCT c, c_y FROM coortweet_fast) f ON f.c = k.c AND f.c_y = k.c_y
