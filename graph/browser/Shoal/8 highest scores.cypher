// Accounts by score; what the score is a probability of stands beside it. A score is no verdict
MATCH (a:Account)
WHERE a.score IS NOT NULL
OPTIONAL MATCH (a)-[:MEMBER_OF]->(:Cluster)-[:OF]->(n:Network)
RETURN a.accountId AS account, a.score AS score, a.scoreTarget AS target, a.baseline AS baseline,
       n.networkId AS network, a.verdictTier AS verdict
ORDER BY score DESC, account LIMIT 100
