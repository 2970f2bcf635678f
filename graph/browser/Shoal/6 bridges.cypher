// Accounts that hold networks together: most shortest paths run through them
MATCH (a:Account)
WHERE a.betweenness > 0
OPTIONAL MATCH (a)-[m:MEMBER_OF]->(:Cluster)-[:OF]->(n:Network)
RETURN a.accountId AS account, a.betweenness AS betweenness, a.degree AS edges, m.role AS role,
       n.networkId AS network, n.title AS title
ORDER BY betweenness DESC, account LIMIT 50
