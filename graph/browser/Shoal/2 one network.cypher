// One network: members and coordination edges (first :param network => 'its id')
MATCH (v:View)
MATCH (network:Network {view: v.number, networkId: $network})<-[:OF]-(cluster:Cluster)
MATCH (cluster)<-[m:MEMBER_OF]-(a:Account)
OPTIONAL MATCH (a)-[e:COORDINATED_WITH {view: v.number}]->(b:Account)-[:MEMBER_OF]->(cluster)
RETURN network, cluster, m, a, e, b
LIMIT 3000
