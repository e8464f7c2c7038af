-- An exported log for DuckDB: the events, and what they come to. Written by `latewood log export`.
--
--     cd FOLDER && duckdb -init views.sql
--
-- Every view leads with the project. Versions are `RUN.STEP`; the partition of what has none is ''.

CREATE OR REPLACE VIEW events AS
SELECT project, position, event_id, stream, version, type, schema_version, occurred_at, recorded_at, actor, cause,
    data::JSON AS data, lower(hex(hash)) AS hash
FROM read_parquet($FILES);

CREATE OR REPLACE VIEW runs AS
SELECT r.project, r.data->>'run' AS run, r.data->>'environment' AS environment, r.data->>'selection' AS selection,
    coalesce(r.data->>'partitions', '') AS partitions,
    coalesce(e.data->>'status', CASE WHEN coalesce(r.data->>'executor', 'inline') = 'inline'
        OR r.stream IN (SELECT stream FROM events s WHERE s.type = 'run.started' AND s.project = r.project)
        THEN 'running' ELSE 'queued' END) AS status, r.actor,
    r.position AS requested_position, r.occurred_at AS requested_at,
    e.position AS ended_position, e.occurred_at AS ended_at,
    coalesce((e.data->>'ran')::INT, 0) AS ran, coalesce((e.data->>'reused')::INT, 0) AS reused,
    coalesce((e.data->>'failed')::INT, 0) AS failed, coalesce((e.data->>'refused')::INT, 0) AS refused,
    coalesce((e.data->>'skipped')::INT, 0) AS skipped, coalesce((e.data->>'fresh')::INT, 0) AS fresh
FROM events r
LEFT JOIN events e ON e.type = 'run.ended' AND e.project = r.project AND e.stream = r.stream
WHERE r.type = 'run.requested';

-- One row per step; `duration_ms` is the last attempt's.
CREATE OR REPLACE VIEW steps AS
WITH told AS (
    SELECT project, position, occurred_at, data, data->>'run' AS run, (data->>'step')::INT AS step,
        CASE WHEN type = 'step.failed' AND (data->>'retry_at') IS NOT NULL THEN 'retrying'
            WHEN type = 'step.started' THEN 'running' ELSE type[6:] END AS status,
        CASE WHEN type = 'step.reused' THEN json_extract_string(data, '$.outputs[*].asset')
            WHEN type IN ('step.started', 'step.skipped') THEN json_extract_string(data, '$.assets[*]') END AS assets
    FROM events
    WHERE type IN ('step.started', 'step.succeeded', 'step.failed', 'step.reused', 'step.skipped')
)
SELECT project, run, step, arg_max(assets, position) FILTER (assets IS NOT NULL) AS assets,
    coalesce(max(data->>'partition'), '') AS partition, arg_max(status, position) AS status,
    coalesce(max((data->>'attempt')::INT), 0) AS attempt,
    max(occurred_at) FILTER (status = 'running') AS started_at,
    CASE WHEN arg_max(status, position) NOT IN ('running', 'retrying') THEN max(position) END AS ended_position,
    CASE WHEN arg_max(status, position) <> 'running'
        THEN arg_max((data->>'duration_ms')::DOUBLE, position) END AS duration_ms
FROM told
GROUP BY project, run, step
UNION ALL
SELECT project, regexp_extract(data->>'version', '^(.*)\.', 1), regexp_extract(data->>'version', '[0-9]+$')::INT,
    [data->>'asset'], coalesce(data->>'partition', ''), CASE type WHEN 'asset.observed' THEN 'observed' ELSE 'failed' END,
    0, NULL, position, NULL
FROM events WHERE type IN ('asset.observed', 'observation.failed');

-- The materializations and observations; those taken over from another asset of the same task have `duration_ms` 0.
CREATE OR REPLACE VIEW versions AS
WITH outputs AS (
    SELECT project, position, occurred_at, data, unnest(from_json(data->'outputs', '["JSON"]')) AS output
    FROM events WHERE type = 'step.succeeded'
), taken AS (
    SELECT project, position, occurred_at, data, unnest(from_json(data->'outputs', '["JSON"]')) AS reused
    FROM events WHERE type = 'step.reused'
), made AS (
    SELECT project, position, occurred_at AS made_at, (data->>'duration_ms')::DOUBLE AS duration_ms, data, output,
        concat(data->>'run', '.', data->>'step') AS version
    FROM outputs
    UNION ALL
    SELECT project, position, coalesce((reused->>'made_at')::TIMESTAMPTZ, occurred_at), 0, data, reused->'made',
        reused->>'version'
    FROM taken WHERE (reused->>'made') IS NOT NULL
), accepted AS (
    SELECT project, data->>'asset' AS asset, coalesce(data->>'partition', '') AS partition, data->>'version' AS version,
        max(position) AS position
    FROM events WHERE type = 'version.accepted' GROUP BY ALL
)
SELECT m.project, m.output->>'asset' AS asset, coalesce(m.data->>'partition', '') AS partition, m.version, m.position,
    m.made_at, m.duration_ms, m.output->>'data_version' AS data_version, m.output->>'artifact' AS artifact,
    (m.output->>'size')::BIGINT AS size, m.data->>'code' AS code, m.data->>'logic' AS logic,
    coalesce(m.data->>'reuse_key', '') AS reuse_key, m.output->>'output' AS output,
    coalesce(a.position, CASE WHEN (m.output->>'accepted')::BOOLEAN THEN m.position END) AS accepted_position,
    m.output->'metadata' AS metadata
FROM made m
LEFT JOIN accepted a ON a.project = m.project AND a.asset = (m.output->>'asset')
    AND a.partition = coalesce(m.data->>'partition', '') AND a.version = m.version
UNION ALL
SELECT project, data->>'asset', coalesce(data->>'partition', ''), data->>'version', position, occurred_at, 0,
    data->>'data_version', coalesce(data->>'artifact', ''), 0, coalesce(data->>'code', ''), '', '', 'result', position, data->'metadata'
FROM events WHERE type = 'asset.observed';

-- Every move of a head that an environment has of its own. `positions` sort them: a promotion's position comes before those
-- that what is promoted had where it came from.
CREATE OR REPLACE VIEW head_moves AS
WITH RECURSIVE outputs AS (
    SELECT project, position, data->>'environment' AS environment, coalesce(data->>'partition', '') AS partition,
        concat(data->>'run', '.', data->>'step') AS made, unnest(from_json(data->'outputs', '["JSON"]')) AS output
    FROM events WHERE type IN ('step.succeeded', 'step.reused')
), by_asset AS (
    SELECT e.project, e.position, e.data->>'environment' AS environment, a.key AS asset, a.value AS versions
    FROM events e, json_each(e.data, '$.moves') a WHERE e.type = 'heads.moved'
), by_version AS (
    SELECT b.project, b.position, b.environment, b.asset, v.key AS version,
        unnest(from_json(v.value, '["VARCHAR"]')) AS partition
    FROM by_asset b, json_each(b.versions) v
), promotions AS (
    SELECT project, position, data->>'environment' AS environment, data->>'source' AS source,
        coalesce(json_extract_string(data, '$.assets[*]'), []) AS assets
    FROM events WHERE type = 'environment.promoted'
), drops AS (
    SELECT project, position, data->>'environment' AS environment FROM events WHERE type = 'environment.dropped'
), moves (project, environment, asset, partition, version, positions) AS (
    SELECT project, environment, output->>'asset', partition, coalesce(output->>'version', made), [position]
    FROM outputs WHERE (output->>'head')::BOOLEAN
    UNION ALL
    SELECT project, data->>'environment', data->>'asset', coalesce(data->>'partition', ''), data->>'version', [position]
    FROM events WHERE type = 'version.accepted' AND (data->>'head')::BOOLEAN
    UNION ALL
    SELECT project, data->>'environment', data->>'asset', coalesce(data->>'partition', ''), data->>'version', [position]
    FROM events WHERE type = 'asset.observed'
    UNION ALL
    SELECT project, environment, asset, partition, version, [position] FROM by_version
    UNION ALL
    SELECT m.project, p.environment, m.asset, m.partition, m.version, list_prepend(p.position, m.positions)
    FROM moves m JOIN promotions p ON p.project = m.project AND p.source = m.environment AND p.position > m.positions[1]
    WHERE (p.assets = [] OR list_contains(p.assets, m.asset)) AND NOT EXISTS (
        SELECT 1 FROM drops d WHERE d.project = m.project AND d.environment = m.environment
        AND d.position > m.positions[1] AND d.position < p.position)
)
SELECT m.* FROM moves m;

-- What each environment has of its own; a branch has the rest from its base.
CREATE OR REPLACE VIEW heads AS
SELECT m.project, m.environment, m.asset, m.partition, arg_max(m.version, m.positions) AS version
FROM head_moves m
WHERE NOT EXISTS (
    SELECT 1 FROM events d WHERE d.type = 'environment.dropped' AND d.project = m.project
    AND (d.data->>'environment') = m.environment AND d.position > m.positions[1])
GROUP BY ALL;

CREATE OR REPLACE VIEW checks AS
SELECT project, data->>'asset' AS asset, coalesce(data->>'partition', '') AS partition, data->>'check' AS check_name,
    data->>'version' AS version, data->>'check_key' AS check_key, (data->>'passed')::BOOLEAN AS passed,
    (data->>'blocking')::BOOLEAN AS blocking, data->>'severity' AS severity, coalesce(data->>'message', '') AS message,
    data->'metadata' AS metadata, position, occurred_at AS evaluated_at
FROM events WHERE type = 'check.evaluated';

-- Lineage: which version read which. `@…` as `read_version` is the artifact that lists them, where they were too many.
CREATE OR REPLACE VIEW edges AS
WITH inputs AS (
    SELECT e.project, concat(e.data->>'run', '.', e.data->>'step') AS version, i.key AS input, i.value AS read
    FROM events e, json_each(e.data, '$.inputs') i
    WHERE e.type = 'step.started'
    QUALIFY row_number() OVER (PARTITION BY e.project, e.stream, e.data->>'step', i.key ORDER BY e.position DESC) = 1
), ranges AS (
    SELECT project, version, input, read->>'asset' AS asset, unnest(string_split(read->>'versions', ',')) AS range
    FROM inputs WHERE read->>'versions' <> '' -- of a view, and before a first partition, there are none
), numbered AS (
    SELECT *, regexp_extract(range, '^(.*)\.(\d+)(?:-(\d+))?$', ['run', 'first', 'last']) AS part FROM ranges
), read AS (
    SELECT project, version, input, asset, CASE WHEN starts_with(range, '@') THEN [range] ELSE list_transform(
        generate_series(part.first::INT, coalesce(nullif(part.last, ''), part.first)::INT),
        lambda step: concat(part.run, '.', step)) END AS versions
    FROM numbered
)
SELECT v.project, v.asset, v.partition, v.version, r.input, r.asset AS read_asset, unnest(r.versions) AS read_version
FROM versions v JOIN read r ON r.project = v.project AND r.version = v.version;
