// One node a key: also the index that every load looks nodes up by.
// names: name, label, key
// columns: none
CREATE CONSTRAINT __NAME__ IF NOT EXISTS FOR (n:__LABEL__) REQUIRE n.__KEY__ IS UNIQUE
