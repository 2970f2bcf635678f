// One node a key within a view (the old one and the new one are both there for a moment).
// names: name, label, key
// columns: none
CREATE CONSTRAINT __NAME__ IF NOT EXISTS FOR (n:__LABEL__) REQUIRE (n.view, n.__KEY__) IS UNIQUE
