// A part of the edges to measure, as lists: accounts by their number in lexicographic order.
// parameters: part: number of the part; sources, targets: [number]; weights: [float]
// columns: none
CREATE (:DraftEdges {part: $part, sources: $sources, targets: $targets, weights: $weights})
