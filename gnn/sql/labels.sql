-- The label that counts for each account: the newest review, else the newest platform label, recorded before the window's end.
-- Reports and simulated truth are never read; a label given with a confidence under one half is not used.
-- parameters: until (microseconds UTC, exclusive); reads gnn_who
-- columns: who, label, at
SELECT w.who, l.label, l."at"
FROM labels l JOIN gnn_who w USING (account_id)
WHERE l.source IN ('review', 'platform') AND l."at" < $until AND coalesce(l.confidence, 1) >= 0.5
QUALIFY row_number() OVER (
    PARTITION BY l.account_id ORDER BY l.source = 'review' DESC, l."at" DESC, l.label_id DESC
) = 1
ORDER BY w.who
