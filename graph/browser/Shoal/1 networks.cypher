// Networks of the current run
MATCH (v:View) MATCH (run:Run {view: v.number})
MATCH (run)<-[:FOUND_IN]-(cluster:Cluster)-[:OF]->(network:Network)
RETURN network.networkId AS network, network.size AS accounts, network.title AS title, network.channels AS channels,
       network.density AS density, network.stability AS stability,
       datetime({epochMillis: network.firstAt / 1000}) AS first, datetime({epochMillis: network.lastAt / 1000}) AS last
ORDER BY accounts DESC, network
