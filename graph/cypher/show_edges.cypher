// Coordination edges: one a pair, with its channels (strongest first), the joint objects on each, and what it says in
// one sentence.
// parameters: view: number; rows: [maps with the columns of the table edges, channels, channel_objects, sentence]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_a})
MATCH (b:Account {accountId: row.account_b})
CREATE (a)-[:COORDINATED_WITH {
    view: $view, coActions: row.co_actions, objects: row.objects, expected: row.expected, qValue: row.q_value,
    firstAt: row.first_at, lastAt: row.last_at, aFirstShare: row.a_first_share,
    channels: row.channels, channelObjects: row.channel_objects, sentence: row.sentence
}]->(b)
