// Point readers to a view: the change of one number, so a reader sees the old one or the new one.
// parameters: view: its number
// columns: none
MERGE (v:View {name: 'current'})
SET v.number = $view
WITH v
MATCH (r:Run)
SET r.current = (r.view = $view)
