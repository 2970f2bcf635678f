// A run, for a view in the making.
// parameters: view: its number; id: run id; created_at: ISO 8601; parent: run id or null
// columns: none
CREATE (:Run {view: $view, runId: $id, createdAt: datetime($created_at), parent: $parent, current: false})
