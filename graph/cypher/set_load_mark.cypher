// Remember that so many rows of a step of a load are written; the step's rows have an order.
// parameters: load: which load; step; rows
// columns: none
MERGE (m:LoadMark {step: $step})
SET m.load = $load, m.rows = $rows
