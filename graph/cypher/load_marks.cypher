// How far a load came that was interrupted.
// parameters: load: which load
// columns: step, rows
MATCH (m:LoadMark {load: $load})
RETURN m.step AS step, m.rows AS rows
