-- Deeds that become relationships: all but those of nodes that have too many of their kind.
-- tables: deeds, dense
-- makes: kept_deeds, with the columns of deeds
CREATE OR REPLACE TEMP VIEW kept_deeds AS
SELECT * FROM deeds
ANTI JOIN (SELECT what, node AS object FROM dense WHERE side = 'by') USING (what, object)
ANTI JOIN (SELECT what, node AS account_id FROM dense WHERE side = 'of') USING (what, account_id)
