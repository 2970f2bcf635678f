// Which banned network a network may be again. The banned one has a node of its own where this run does not show it.
// parameters: view: number; rows: [maps with the columns of the table reborn, and sentence]
// columns: none
UNWIND $rows AS row
MATCH (n:Network {view: $view, networkId: row.network_id})
MERGE (b:Network {view: $view, networkId: row.banned_network_id})
ON CREATE SET b.change = 'banned', b.size = 0
SET b.bannedAt = row.banned_at
CREATE (n)-[:REBORN_OF {matchedBy: row.matched_by, pValue: row.p_value, sentence: row.sentence}]->(b)
