// Project verdicts onto accounts, for people to see; nothing that acts reads them here.
// parameters: rows: [{account_id, tier, version}]
// columns: none
UNWIND $rows AS row
MATCH (a:Account {accountId: row.account_id})
WHERE a.verdictVersion IS NULL OR a.verdictVersion <= row.version
SET a.verdictTier = row.tier, a.verdictVersion = row.version
