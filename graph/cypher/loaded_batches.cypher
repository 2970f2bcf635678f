// Batches of the event log that are in, whole.
// columns: batch_id
MATCH (b:LoadedBatch)
RETURN b.batchId AS batch_id ORDER BY batch_id
