-- The log, its head, leases and the register of projections; append-only by triggers and by grants.
-- Runs as latewood_owner with search_path = latewood.

CREATE TABLE log_head (
    one       smallint PRIMARY KEY DEFAULT 1,
    position  bigint NOT NULL,
    hash      bytea NOT NULL,
    CONSTRAINT log_head_is_one_row CHECK (one = 1),
    CONSTRAINT log_head_hash_is_sha256 CHECK (octet_length(hash) = 32)
) WITH (fillfactor = 10);   -- room for the same row's next versions: every update stays on its page

INSERT INTO log_head (position, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

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

GRANT USAGE ON SCHEMA latewood TO latewood_engine, latewood_reader;
GRANT SELECT, INSERT ON events TO latewood_engine;
GRANT SELECT, UPDATE ON log_head TO latewood_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON leases TO latewood_engine;
GRANT SELECT, UPDATE ON projections TO latewood_engine;
GRANT SELECT ON events, leases TO latewood_reader;
GRANT SELECT ON schema_version TO latewood_engine, latewood_reader;

ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE leases ENABLE ROW LEVEL SECURITY;
CREATE POLICY engine_all ON events TO latewood_engine USING (true) WITH CHECK (true);
CREATE POLICY engine_all ON leases TO latewood_engine USING (true) WITH CHECK (true);
CREATE POLICY reader_own_projects ON events FOR SELECT TO latewood_reader
    USING (project = ANY (string_to_array(current_setting('latewood.projects', true), ',')));
CREATE POLICY reader_own_projects ON leases FOR SELECT TO latewood_reader
    USING (project = ANY (string_to_array(current_setting('latewood.projects', true), ',')));
