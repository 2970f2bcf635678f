-- What a permutation may hand from account to account: each interaction as a whole, with all that it acted on, so that
-- one interaction seen on several channels stays one and every account keeps its actions of each channel.
-- parameters: $slot (microseconds)
-- columns: e, a, slot (which stretch of time), channels (all it is seen on), o (of what it acted on, what most acted on),
--     actions, in order of e, a
SELECT
    x.e, x.a, min(x.ts) // $slot AS slot, string_agg(n.channel, ',' ORDER BY n.channel) AS channels,
    arg_min(x.o, (-n.accounts, x.o)) AS o, count(*) AS actions
FROM events x JOIN object_ids n ON n.o = x.o
GROUP BY x.e, x.a
ORDER BY x.e, x.a
