// The view that readers are pointed to: its number, and its run.
// columns: view, run_id
MATCH (v:View {name: 'current'})
MATCH (r:Run {view: v.number})
RETURN v.number AS view, r.runId AS run_id
