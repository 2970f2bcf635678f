-- What there is to look at, by channel: only actions on objects that two accounts or more acted on.
-- parameters: none
-- columns: channel, actions, interactions, in order of channel
SELECT n.channel, count(*) AS actions, count(DISTINCT x.e) AS interactions
FROM events x JOIN object_ids n ON n.o = x.o
GROUP BY n.channel ORDER BY n.channel
