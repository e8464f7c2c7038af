-- The year of each carrier, over all airports.
WITH years AS (
    SELECT
        carrier,
        sum(flights)::BIGINT AS flights,
        sum(minutes_late) / sum(departed) AS mean_delay
    FROM delays.monthly
    GROUP BY carrier
)

SELECT years.*, airlines.name
FROM years
LEFT JOIN airlines USING (carrier)
