-- Labels that may count as findings: the platform's, and reviews made outside Shoal.
-- Parameters: until (microseconds), min_confidence.
-- Columns: account_id, label, source, at. In order of account_id, at, label.
SELECT account_id, label, source, "at"
FROM labels
WHERE "at" < $until
    AND coalesce(confidence, 1) >= $min_confidence
    AND (source = 'platform' OR (source = 'review' AND NOT starts_with(label_id, 'decision:')))
ORDER BY account_id, "at", label, source
