// Take away what an account did to objects, and the objects that nothing else names.
// parameters: id: account id
// columns: none
MATCH (a:Account {accountId: $id})-[r]->(o)
WHERE NOT o:Account
DELETE r
WITH DISTINCT o WHERE NOT o:Cluster AND NOT EXISTS { (o)--() }
DELETE o
