-- Length of public texts, and how often events carry links and hashtags.
-- parameters: none (reads gnn_events)
-- columns: who, events, texts, chars, squares (of chars), linked, tagged (events with at least one)
SELECT who, count(*) AS events, count(chars) AS texts, CAST(coalesce(sum(chars), 0) AS DOUBLE) AS chars,
       CAST(coalesce(sum(CAST(chars AS HUGEINT) * chars), 0) AS DOUBLE) AS squares,
       count(*) FILTER (links > 0) AS linked, count(*) FILTER (tags > 0) AS tagged
FROM gnn_events GROUP BY who ORDER BY who
