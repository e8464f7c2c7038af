/* latewood
partitions = "months"
owners = ["team:data"]
*/
-- Flights and delays of a month, by carrier and origin.
SELECT
    carrier,
    origin,
    count(*) AS flights,
    count(dep_delay) AS departed,
    sum(greatest(dep_delay, 0))::BIGINT AS minutes_late
FROM flights.raw
WHERE make_date(year, month, day) >= :partition_start
    AND make_date(year, month, day) < :partition_end
GROUP BY carrier, origin
