// Networks of the run.
// parameters: view: number; rows: [maps with the columns of the table networks, and parents]
// columns: none
UNWIND $rows AS row
CREATE (:Network {
    view: $view, networkId: row.network_id, title: row.title, change: row.change, parents: row.parents, size: row.size,
    density: row.density, stability: row.stability, objects: row.objects, days: row.days, channels: row.channels,
    firstAt: row.first_at, lastAt: row.last_at
})
