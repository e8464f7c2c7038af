/* latewood
owners = ["team:analytics"]
parameters = {top = 3, flights_min = 1000}
*/
-- The carriers that are latest, of those that fly at all often.
SELECT name, flights, round(mean_delay, 1) AS mean_delay
FROM reports.carriers
WHERE flights >= :flights_min
ORDER BY mean_delay DESC
LIMIT :top
