-- How fast an account comments after the note was made, and how fast it wrote if it read nothing first.
-- parameters: none (reads gnn_events, gnn_made, gnn_who)
-- columns: who, latency (median, milliseconds), speed (median, characters per 1000 seconds of latency)
SELECT e.who, quantile_disc((e."at" - m."at") // 1000, 0.5) AS latency,
       quantile_disc(1000000000000 * coalesce(e.chars, 0) // greatest(e."at" - m."at", 1000000), 0.5) AS speed
FROM gnn_events e JOIN gnn_made m ON m.content_id = e.target_id JOIN gnn_who w ON w.account_id = m.maker
WHERE e.kind IN ('comment', 'reply') AND w.who <> e.who AND e."at" >= m."at"
GROUP BY e.who ORDER BY e.who
