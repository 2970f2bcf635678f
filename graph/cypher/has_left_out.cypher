// Whether some node says of relationships that were left out because they were too many.
// parameters: none
// columns: found
MATCH (n) WHERE any(key IN keys(n) WHERE key STARTS WITH 'leftOut_')
RETURN count(n) > 0 AS found
