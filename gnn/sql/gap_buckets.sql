-- The histogram of an account's gaps over octaves: bucket b holds gaps of 2^b to 2^(b+1) seconds, 0 all under 2 s.
-- parameters: none (reads gnn_gaps)
-- columns: who, bucket (0 to 31), gaps
SELECT who, CAST(least(31, floor(log2(greatest(1, milliseconds / 1000.0)))) AS INTEGER) AS bucket, count(*) AS gaps
FROM gnn_gaps GROUP BY who, bucket ORDER BY who, bucket
