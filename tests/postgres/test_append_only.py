"""What is in the log stays as it is, whoever asks."""

from itertools import product

import psycopg2
import pytest
from sqlalchemy.exc import IntegrityError, ProgrammingError

from latewood_eventlog.audit import verify
from postgres.ledger import happened, open_ledger, to

CHANGES = (
    "UPDATE events SET data = '{}'",
    "UPDATE events SET data = '{}' WHERE false",
    "DELETE FROM events",
    "DELETE FROM events WHERE position = 2",
    "TRUNCATE events",
    "TRUNCATE events, log_head",
    "MERGE INTO events USING (SELECT 1 AS p) AS one ON position = p WHEN MATCHED THEN DELETE",
    "INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET data = '{}'",
)
HEAD_CHANGES = ("DELETE FROM log_head", "TRUNCATE log_head")


@pytest.fixture
def ledger(database_url):
    with open_ledger(database_url) as ledger:
        ledger.log.append(to("s", happened(), happened(), happened()))
        yield ledger


def test_no_role_changes_or_removes_an_event(ledger):
    for role, change in product(("owner", "engine", "reader"), (*CHANGES, *HEAD_CHANGES)):
        with pytest.raises(ProgrammingError) as refused:
            ledger.rows(change, role=role)
        assert isinstance(refused.value.orig, psycopg2.errors.InsufficientPrivilege), change
    verify(ledger.engine, ())


def test_the_triggers_refuse_even_a_superuser(ledger, superuser_url):
    with psycopg2.connect(superuser_url.libpq(), options="-c search_path=latewood") as connection:
        for change in (*CHANGES, *HEAD_CHANGES):
            with (
                connection.cursor() as cursor,
                pytest.raises(psycopg2.errors.InsufficientPrivilege, match="append-only"),
            ):
                cursor.execute(change)
            connection.rollback()
    connection.close()
    verify(ledger.engine, ())


def test_the_engine_cannot_take_the_guards_away(ledger):
    for statement in (
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TRIGGER events_refuse_change ON events",
        "DROP TABLE events",
        "ALTER TABLE events DISABLE ROW LEVEL SECURITY",
        "SET session_replication_role = replica",
        "CREATE TABLE latewood.mine (x int)",
        "CREATE TABLE public.mine (x int)",
    ):
        with pytest.raises(ProgrammingError):
            ledger.rows(statement)


def test_the_tables_hold_their_invariants_themselves(ledger):
    """Whatever a program does: no two events in one place, no cause from the future, one head."""
    event = (
        "INSERT INTO events (project, position, event_id, stream, version, type, schema_version, occurred_at,"
        " recorded_at, actor, cause, data, hash) SELECT project, {position}, {id}, stream, {version}, type, 1,"
        " occurred_at, recorded_at, actor, {cause}, data, {hash} FROM events WHERE position = 1"
    )
    sound = {"position": "4", "id": "gen_random_uuid()", "version": "4", "cause": "NULL", "hash": "hash"}
    for rule, wrong in (
        ("events_position_key", {"position": "3"}),
        ("events_event_id_key", {"id": "event_id"}),
        ("events_stream_version_key", {"version": "3"}),
        ("events_version_counts_from_one", {"version": "0"}),
        ("events_cause_is_earlier", {"cause": "4"}),
        ("events_hash_is_sha256", {"hash": "'\\x00'"}),
    ):
        with pytest.raises(IntegrityError, match=rule):
            ledger.rows(event.format(**{**sound, **wrong}))
    with pytest.raises(IntegrityError, match="log_head_is_one_row"):
        ledger.rows("INSERT INTO log_head SELECT 2, position, hash, recorded_at FROM log_head", role="owner")
