// Evidence around one account: whom it is coordinated with, and on what both acted (first :param account => 'its id')
MATCH (v:View)
MATCH (a:Account {accountId: $account})-[e:COORDINATED_WITH {view: v.number}]-(b:Account)
WITH a, e, b ORDER BY e.objects DESC LIMIT 15
CALL (a, b) {
    MATCH (a)-[x:COMMENTED_ON|REPLIED_TO|LIKED|SHARED|COLLECTED|SPOKE_IN|LINKED|TAGGED|USED_TEMPLATE|SHOWED|ACTED_ON]->(o)<-[y]-(b)
    WHERE type(x) = type(y)
    RETURN o, x, y ORDER BY abs(x.firstAt - y.firstAt) LIMIT 10
}
RETURN a, e, b, x, o, y
