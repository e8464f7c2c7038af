-- The log, its head, leases and the register of projections; append-only by triggers and by grants.
-- Runs as latewood_owner with search_path = latewood.

CREATE TABLE log_head (
    one          smallint PRIMARY KEY DEFAULT 1,
    position     bigint NOT NULL,
    hash         bytea NOT NULL,
    recorded_at  timestamptz NOT NULL,
    CONSTRAINT log_head_is_one_row CHECK (one = 1),
    CONSTRAINT log_head_hash_is_sha256 CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 10);   -- room for the same row's next versions: every update stays on its page

INSERT INTO log_head (position, hash, recorded_at) VALUES (0, decode(repeat('00', 32), 'hex'), '-infinity');

CREATE TABLE events (
    project         text COLLATE "C" NOT NULL,
    position        bigint NOT NULL,
    event_id        uuid NOT NULL,
    stream          text COLLATE "C" NOT NULL,
    version         integer NOT NULL,
    type            text COLLATE "C" NOT NULL,
    schema_version  smallint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    recorded_at     timestamptz NOT NULL,
    actor           text NOT NULL,
    cause           bigint,
    data            json NOT NULL,   -- json, not jsonb: kept byte for byte, since the hash covers the text
    hash            bytea NOT NULL,
    CONSTRAINT events_position_key PRIMARY KEY (position),
    CONSTRAINT events_event_id_key UNIQUE (event_id),
    CONSTRAINT events_stream_version_key UNIQUE (project, stream, version),
    CONSTRAINT events_version_counts_from_one CHECK (version >= 1),
    CONSTRAINT events_cause_is_earlier CHECK (cause < position),
    CONSTRAINT events_hash_is_sha256 CHECK (octet_length(hash) = 32)
);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER events_refuse_row_change BEFORE UPDATE OR DELETE ON events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER events_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_head_refuse_removal BEFORE DELETE OR TRUNCATE ON log_head
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE leases (
    project     text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    holder      text NOT NULL,
    epoch       bigint NOT NULL,
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (project, name)
);

CREATE TABLE projections (
    name        text COLLATE "C" PRIMARY KEY,
    version     integer NOT NULL,
    checkpoint  bigint NOT NULL
);

-- An append is two calls, or one by who wrote last. They are functions because a function's statements are planned once per connection:
-- planning them anew cost more than running them (0.25 of 1.0 ms for an append of one event).

-- Locks the head, then reads what the append must be held against. VOLATILE matters: each statement in the body then
-- takes its own snapshot, so that what is read after the lock includes all that earlier writers committed.
CREATE FUNCTION lock_head_and_read(
    event_ids uuid[], projects text[], streams text[], lease_projects text[], lease_names text[], cause_ids uuid[],
    OUT "position" bigint, OUT hash bytea, OUT now timestamptz,
    OUT known json, OUT versions json, OUT fences json, OUT causes json, OUT register json
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
BEGIN
    -- Time never goes back along the log, even where the server's clock does: then "as of a time" is a position.
    SELECT h.position, h.hash, h.recorded_at
    INTO lock_head_and_read.position, lock_head_and_read.hash, lock_head_and_read.now FROM log_head h FOR UPDATE;
    lock_head_and_read.now := greatest(lock_head_and_read.now, clock_timestamp());
    SELECT coalesce(json_agg(found), '[]') INTO lock_head_and_read.known FROM (
        SELECT e.event_id, e.position, e.project, e.stream, e.type, e.schema_version, e.data::text AS data
        FROM events e WHERE e.event_id = ANY (lock_head_and_read.event_ids)) AS found;
    SELECT coalesce(json_agg(found), '[]') INTO lock_head_and_read.versions FROM (
        SELECT w.project, w.stream, coalesce((
            SELECT e.version FROM events e WHERE e.project = w.project AND e.stream = w.stream
            ORDER BY e.version DESC LIMIT 1), 0) AS version
        FROM unnest(lock_head_and_read.projects, lock_head_and_read.streams) AS w (project, stream)) AS found;
    lock_head_and_read.fences := '[]';
    IF cardinality(lease_names) > 0 THEN
        -- FOR SHARE: a lease changes hands before this append or after it, never between the check and the commit;
        -- whoever acquires it then finds this append in the log.
        SELECT coalesce(json_agg(found), '[]') INTO lock_head_and_read.fences FROM (
            SELECT l.project, l.name, l.epoch FROM leases l
            JOIN unnest(lease_projects, lease_names) AS w (project, name) USING (project, name)
            FOR SHARE OF l) AS found;
    END IF;
    lock_head_and_read.causes := '[]';
    IF cardinality(cause_ids) > 0 THEN
        SELECT coalesce(json_agg(found), '[]') INTO lock_head_and_read.causes FROM (
            SELECT e.event_id, e.position FROM events e WHERE e.event_id = ANY (cause_ids)) AS found;
    END IF;
    SELECT coalesce(json_object_agg(p.name, p.version), '{}') INTO lock_head_and_read.register FROM projections p;
END $$;

CREATE FUNCTION record_events("rows" json, "position" bigint, hash bytea, recorded_at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events SELECT * FROM json_populate_recordset(NULL::events, record_events."rows");
    UPDATE log_head SET position = record_events.position, hash = record_events.hash,
        recorded_at = record_events.recorded_at;
END $$;

-- The whole append of a writer that knows what the log holds up to the head with the hash `after`: its own last append.
-- Refuses when the log has moved on, or what can change without an event: the leases and the register of projections.
CREATE FUNCTION record_events_after(
    after bytea, register jsonb, lease_projects text[], lease_names text[], epochs bigint[],
    "rows" json, "position" bigint, hash bytea, recorded_at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM log_head h WHERE h.hash = record_events_after.after FOR UPDATE;
    IF NOT FOUND
        OR register <> (SELECT coalesce(jsonb_object_agg(p.name, p.version), '{}') FROM projections p)
        OR cardinality(lease_names) <> (SELECT count(*) FROM (
            SELECT FROM leases l JOIN unnest(lease_projects, lease_names, epochs) AS w (project, name, epoch)
            USING (project, name, epoch) FOR SHARE OF l) AS held)
    THEN
        RAISE EXCEPTION 'the log has moved on' USING ERRCODE = 'serialization_failure';
    END IF;
    PERFORM record_events(record_events_after."rows", record_events_after."position", record_events_after.hash,
        record_events_after.recorded_at);
END $$;

GRANT USAGE ON SCHEMA latewood TO latewood_engine, latewood_reader;
GRANT SELECT, INSERT ON events TO latewood_engine;
GRANT SELECT, UPDATE ON log_head TO latewood_engine;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA latewood TO latewood_engine;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA latewood FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON leases TO latewood_engine;
GRANT SELECT, UPDATE ON projections TO latewood_engine;
GRANT SELECT ON events, leases TO latewood_reader;
GRANT SELECT ON projections TO latewood_reader;
GRANT SELECT ON schema_version TO latewood_engine, latewood_reader;

ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE leases ENABLE ROW LEVEL SECURITY;
CREATE POLICY engine_all ON events TO latewood_engine USING (true) WITH CHECK (true);
CREATE POLICY engine_all ON leases TO latewood_engine USING (true) WITH CHECK (true);
CREATE POLICY reader_own_projects ON events FOR SELECT TO latewood_reader
    USING (project = ANY (string_to_array(current_setting('latewood.projects', true), ',')));
CREATE POLICY reader_own_projects ON leases FOR SELECT TO latewood_reader
    USING (project = ANY (string_to_array(current_setting('latewood.projects', true), ',')));
