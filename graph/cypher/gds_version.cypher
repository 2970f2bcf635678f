// Version of Graph Data Science; fails where it is not installed.
// columns: version
RETURN gds.version() AS version
