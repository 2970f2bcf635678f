// Leave of an account only that others acted on it, under another name.
// parameters: id: account id, stand_in: its pseudonym
// columns: none
MATCH (a:Account {accountId: $id})
SET a = {accountId: $stand_in}
