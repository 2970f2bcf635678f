// Remember that these batches are in, whole.
// parameters: ids: [batch id]
// columns: none
UNWIND $ids AS id
MERGE (:LoadedBatch {batchId: id})
