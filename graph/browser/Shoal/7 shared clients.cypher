// Networks whose members were registered through the same client
MATCH (v:View)
MATCH (n:Network {view: v.number})<-[:OF]-(:Cluster)<-[:MEMBER_OF]-(a:Account)-[:REGISTERED_WITH]->(c:Client)
RETURN n.networkId AS network, n.size AS accounts, c.name AS client, count(a) AS registered,
       COUNT { (c)<-[:REGISTERED_WITH]-() } AS everybody
ORDER BY registered DESC, network LIMIT 50
