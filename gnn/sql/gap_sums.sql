-- Sums over an account's gaps, all of whole numbers, so that their order cannot change the result.
-- parameters: none (reads gnn_gaps)
-- columns: who, gaps, total and squares (milliseconds), log_total and log_squares (thousandths of ln(1 + seconds)),
--          short (gaps under 10 s), switches (other kind within 3 s)
SELECT who, count(*) AS gaps,
       CAST(sum(milliseconds) AS DOUBLE) AS total,
       CAST(sum(CAST(milliseconds AS HUGEINT) * milliseconds) AS DOUBLE) AS squares,
       CAST(sum(logs) AS DOUBLE) AS log_total, CAST(sum(logs * logs) AS DOUBLE) AS log_squares,
       count(*) FILTER (milliseconds < 10000) AS short,
       count(*) FILTER (milliseconds <= 3000 AND switched) AS switches
FROM (SELECT *, CAST(round(1000 * ln(1 + milliseconds / 1000.0)) AS BIGINT) AS logs FROM gnn_gaps)
GROUP BY who ORDER BY who
