// The run that is shown; there is one at a time.
// parameters: id: run id; created_at: ISO 8601; parent: run id or null
// columns: none
CREATE (:Run {runId: $id, createdAt: datetime($created_at), parent: $parent, current: true})
