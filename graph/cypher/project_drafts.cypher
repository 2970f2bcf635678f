// Project the edges to measure into GDS. Its nodes are numbers, met in sorted order, so that results
// depend neither on the ids that Neo4j gives nor on what else the database holds.
// parameters: graph: name of the projection
// columns: nodes, relationships
MATCH (d:DraftEdges)
WITH d ORDER BY d.part
WITH d.sources AS sources, d.targets AS targets, d.weights AS weights
UNWIND range(0, size(sources) - 1) AS i
WITH gds.graph.project(
    $graph, sources[i], targets[i],
    {relationshipType: 'COORDINATED_WITH', relationshipProperties: {weight: weights[i]}},
    {undirectedRelationshipTypes: ['COORDINATED_WITH'], readConcurrency: 1}
) AS projected
RETURN projected.nodeCount AS nodes, projected.relationshipCount AS relationships
