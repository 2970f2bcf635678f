// Remember that these batches are in, whole; how far their load was needs no remembering any more.
// parameters: ids: [batch id]
// columns: none
UNWIND $ids AS id
MERGE (:LoadedBatch {batchId: id})
WITH count(*) AS marked
MATCH (m:LoadMark)
DELETE m
