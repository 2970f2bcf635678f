-- The time between successive events of an account.
-- parameters: none (reads gnn_events)
-- makes: gnn_gaps (who, milliseconds, switched); switched: the two events are of different kinds
CREATE OR REPLACE TEMP TABLE gnn_gaps AS
SELECT who, milliseconds, switched
FROM (
    SELECT who, ("at" - lag("at") OVER ordered) // 1000 AS milliseconds, kind <> lag(kind) OVER ordered AS switched
    FROM gnn_events
    WINDOW ordered AS (PARTITION BY who ORDER BY "at", event_id)
)
WHERE milliseconds IS NOT NULL
