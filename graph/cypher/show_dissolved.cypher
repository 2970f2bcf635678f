// Networks of the run before that no cluster continues; no cluster is theirs, and the run named holds their last members.
// parameters: view: number; rows: [maps with the columns of the table lineage, dissolved alone]
// columns: none
UNWIND $rows AS row
CREATE (:Network {
    view: $view, networkId: row.network_id, title: row.title, change: row.change, size: row.size,
    sizeBefore: row.size_before, lastRunId: row.last_run_id
})
