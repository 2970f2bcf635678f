-- How many events of an account fall in each hour of the day (UTC).
-- parameters: none (reads gnn_events)
-- columns: who, hour (0 to 23), events
SELECT who, CAST((("at" // 3600000000) % 24 + 24) % 24 AS INTEGER) AS hour, count(*) AS events
FROM gnn_events GROUP BY who, hour ORDER BY who, hour
