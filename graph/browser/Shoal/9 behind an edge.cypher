// Evidence behind one edge: all that both accounts acted on, rarest first (first :params {account: 'its id', other: 'its id'})
MATCH (v:View)
MATCH (a:Account {accountId: $account})-[e:COORDINATED_WITH {view: v.number}]-(b:Account {accountId: $other})
MATCH (a)-[x:COMMENTED_ON|REPLIED_TO|LIKED|SHARED|COLLECTED|VIEWED|FOLLOWS|MESSAGED|SPOKE_IN|LINKED|TAGGED|USED_TEMPLATE|SHOWED|ACTED_ON]->(o)<-[y]-(b)
WHERE type(x) = type(y) AND coalesce(x.channel, '') = coalesce(y.channel, '')
WITH a, e, b, x, o, y, COUNT { (o)<--(:Account) } AS everybody
ORDER BY everybody, abs(x.firstAt - y.firstAt), elementId(o) LIMIT 200
RETURN e.sentence AS sentence, type(x) AS how, everybody,
       datetime({epochMillis: x.firstAt / 1000}) AS first, datetime({epochMillis: y.firstAt / 1000}) AS other,
       a, e, b, x, o, y
