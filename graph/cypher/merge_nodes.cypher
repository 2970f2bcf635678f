// Make nodes that are not there yet.
// names: label, key
// parameters: rows: [[key]]
// columns: none
UNWIND $rows AS row
MERGE (:__LABEL__ {__KEY__: row[0]})
