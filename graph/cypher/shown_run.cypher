// Which run is shown.
// columns: run_id
MATCH (r:Run {current: true})
RETURN r.runId AS run_id
