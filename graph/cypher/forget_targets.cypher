// Take away what an account did to other accounts, and its coordination edges.
// parameters: id: account id
// columns: name: each account at the other end
MATCH (a:Account {accountId: $id})-[r]-(b:Account)
WHERE startNode(r) = a OR type(r) = 'COORDINATED_WITH'
WITH r, b.accountId AS name
DELETE r
RETURN DISTINCT name
