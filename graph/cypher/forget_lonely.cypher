// Delete those of these accounts that nothing is said of any more.
// parameters: names: [account id]
// columns: none
UNWIND $names AS name
MATCH (a:Account {accountId: name})
WHERE NOT EXISTS { (a)--() }
DELETE a
