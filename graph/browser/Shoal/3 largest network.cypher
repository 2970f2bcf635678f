// The largest network, as a picture
MATCH (v:View)
MATCH (network:Network {view: v.number})
WITH v, network ORDER BY network.size DESC, network.networkId LIMIT 1
MATCH (network)<-[:OF]-(cluster:Cluster)<-[:MEMBER_OF]-(a:Account)
OPTIONAL MATCH (a)-[e:COORDINATED_WITH {view: v.number}]->(b:Account)-[:MEMBER_OF]->(cluster)
RETURN a, e, b
LIMIT 3000
