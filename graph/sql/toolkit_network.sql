-- coordination-network-toolkit: directed edges. The weight is the number of distinct messages of user_1 that have at
-- least one of user_2 on the same key within the window. Loops are left out, as the toolkit does on export.
-- parameters: $window, $bucket (microseconds), $minimum (weight)
-- reads: toolkit_met
-- columns: user_1, user_2 (numbers), weight
SELECT u1 AS user_1, u2 AS user_2, count(DISTINCT m1) AS weight
FROM toolkit_met($window, $bucket)
GROUP BY user_1, user_2
HAVING weight >= $minimum
ORDER BY user_1, user_2
