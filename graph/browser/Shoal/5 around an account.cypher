// Evidence around one account: whom it is coordinated with, and on what both acted (first :param account => 'its id')
MATCH (v:View)
MATCH (a:Account {accountId: $account})-[e:COORDINATED_WITH {view: v.number}]-(b:Account)
WITH a, e, b ORDER BY e.objects DESC LIMIT 15
CALL (a, b) {
    MATCH (a)-[x]->(o)<-[y]-(b)
    WHERE type(x) = type(y) AND NOT o:Client AND NOT o:Device
    RETURN o, x, y ORDER BY abs(x.firstAt - y.firstAt) LIMIT 10
}
RETURN a, e, b, x, o, y
