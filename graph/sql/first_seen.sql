-- When each member of a cluster was first seen acting, in the whole log.
-- reads account_ids, members (a)
-- columns: a, first_at
SELECT i.a, min(x."at") AS first_at
FROM members m JOIN account_ids i USING (a) JOIN actions x USING (account_id)
GROUP BY i.a ORDER BY i.a
