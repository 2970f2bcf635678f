-- Keys of the nodes that one kind of deed needs.
-- parameters: $what
-- tables: deeds
-- columns: object
SELECT DISTINCT object FROM deeds WHERE what = $what ORDER BY object
