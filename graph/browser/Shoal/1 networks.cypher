// Networks of the current run
MATCH (v:View) MATCH (run:Run {view: v.number})
MATCH (run)<-[:FOUND_IN]-(cluster:Cluster)-[:OF]->(network:Network)
RETURN network.networkId AS network, network.size AS accounts, network.title AS title, network.channels AS channels,
       network.density AS density, network.stability AS stability,
       CASE WHEN network.firstAt IS NOT NULL THEN datetime({epochMillis: network.firstAt / 1000}) END AS first,
       CASE WHEN network.lastAt IS NOT NULL THEN datetime({epochMillis: network.lastAt / 1000}) END AS last
ORDER BY accounts DESC, network
