// What the members of a network acted on together, rarest first (first :param network => 'its id')
MATCH (v:View)
MATCH (:Network {view: v.number, networkId: $network})<-[:OF]-(:Cluster)<-[:MEMBER_OF]-(a:Account)
MATCH (a)-[r:COMMENTED_ON|REPLIED_TO|LIKED|SHARED|COLLECTED|SPOKE_IN|LINKED|TAGGED|USED_TEMPLATE|SHOWED|ACTED_ON]->(o)
WITH o, type(r) AS how, count(DISTINCT a) AS members
WHERE members > 1
WITH o, how, members, COUNT { (o)<--(:Account) } AS everybody
RETURN labels(o)[0] AS kind,
       coalesce(o.noteId, o.groupId, o.url, o.tag, o.templateId, o.objectId) AS object, how, members, everybody
ORDER BY members DESC, everybody LIMIT 100
