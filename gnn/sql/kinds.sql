-- How many events of each kind an account has.
-- parameters: none (reads gnn_events)
-- columns: who, kind, events
SELECT who, kind, count(*) AS events FROM gnn_events GROUP BY who, kind ORDER BY who, kind
