-- coordination-network-toolkit: what takes part in a network, as (message, user, key, time). Who acts on the same key
-- within the window is linked. The first row of a message_id counts, later ones are dropped; but their links are not:
-- a message and URL stand with the first row that has both, which may be another user's. Reposts take part in
-- co_retweet and co_post only.
-- parameters: $network (co_retweet, co_tweet, co_link, co_reply, co_post or co_similar)
-- reads: toolkit_rows (n, m, u, repost, reply, said, ts), toolkit_links (n, url); all integers, null where there is none
-- makes: toolkit_acts (m, u, k, said, ts), ts in microseconds
CREATE OR REPLACE TEMP TABLE toolkit_acts AS
SELECT m, u, k, said, ts
FROM (
    SELECT m, u, said, ts,
        CASE $network
            WHEN 'co_post' THEN 0
            WHEN 'co_retweet' THEN repost
            ELSE CASE WHEN repost IS NULL THEN
                CASE $network WHEN 'co_reply' THEN reply WHEN 'co_tweet' THEN said WHEN 'co_similar' THEN 0 END
            END
        END AS k
    FROM (SELECT * FROM toolkit_rows QUALIFY row_number() OVER (PARTITION BY m ORDER BY n) = 1)
    UNION ALL
    SELECT m, u, said, ts, url
    FROM toolkit_rows JOIN toolkit_links USING (n)
    WHERE $network = 'co_link' AND repost IS NULL
    QUALIFY row_number() OVER (PARTITION BY m, url ORDER BY n) = 1
)
WHERE k IS NOT NULL
