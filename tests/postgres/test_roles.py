"""Who may do what: the rights of every role on every table, and whose rows a reader sees."""

from datetime import timedelta

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from latewood.projections.installed import PROJECTIONS
from latewood_eventlog.database import reading
from latewood_eventlog.errors import TookTooLong
from latewood_eventlog.leases import acquire
from latewood_eventlog.migrate import require_schema
from postgres.ledger import Balances, Movements, happened, open_ledger, to

READ = frozenset({"SELECT"})
PROJECT = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})

RIGHTS = {
    "events": (frozenset({"SELECT", "INSERT"}), READ),
    "log_head": (frozenset({"SELECT", "UPDATE"}), READ),
    "leases": (PROJECT, READ),
    "projections": (frozenset({"SELECT", "UPDATE"}), READ),
    "schema_version": (READ, READ),
}
"""The rights of the engine and of the reader on the log's own tables."""

WITHOUT_PROJECT = {"log_head", "projections", "schema_version"}
"""They say nothing of any project."""


@pytest.fixture
def ledger(database_url):
    """With the platform's own projections besides two of the tests'."""
    with open_ledger(database_url, Balances(), Movements(), *PROJECTIONS) as ledger:
        yield ledger


def tables(ledger) -> list[str]:
    rows = ledger.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = 'latewood'::regnamespace "
        "AND relkind IN ('r', 'p', 'v', 'm') ORDER BY relname"
    )
    return [name for (name,) in rows]


def test_each_role_has_its_rights_and_no_others_on_every_table(ledger):
    kinds = "'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER'"
    assert {"events", "balances", "order"} < set(tables(ledger))
    for table in tables(ledger):
        rights = {
            grantee: frozenset(
                kind
                for (kind,) in ledger.rows(
                    f"SELECT kind FROM unnest(ARRAY[{kinds}]) AS kind "
                    "WHERE has_table_privilege(:grantee, format('latewood.%I', CAST(:name AS text)), kind) "
                    "OR kind IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') "
                    "AND has_any_column_privilege(:grantee, format('latewood.%I', CAST(:name AS text)), kind)",
                    grantee=grantee,
                    name=table,
                )
            )
            for grantee in ("latewood_engine", "latewood_reader", "latewood", "public")
        }
        engine, reader = RIGHTS.get(table, (PROJECT, READ))
        assert rights == {
            "latewood_engine": engine,
            "latewood_reader": reader,
            "latewood": frozenset(),
            "public": frozenset(),
        }, table


def test_only_the_engine_may_append(ledger):
    for grantee in ("latewood_reader", "latewood", "public"):
        callable_ = ledger.rows(
            "SELECT proname FROM pg_proc WHERE pronamespace = 'latewood'::regnamespace "
            "AND has_function_privilege(:grantee, oid, 'EXECUTE')",
            grantee=grantee,
        )
        assert callable_ == []
    with pytest.raises(ProgrammingError, match="permission denied"):
        ledger.rows("INSERT INTO events SELECT * FROM events", role="reader")
    with pytest.raises(ProgrammingError, match="permission denied"):
        ledger.rows("SELECT * FROM log_head FOR UPDATE", role="reader")


def test_the_login_role_by_itself_may_nothing(ledger):
    with psycopg2.connect(ledger.url.libpq()) as connection, connection.cursor() as cursor:
        for table in tables(ledger):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute(f'SELECT * FROM latewood."{table}"')
            connection.rollback()
    connection.close()


def test_every_table_has_row_policies_unless_it_says_nothing_of_a_project(ledger):
    rows = ledger.rows(
        "SELECT relname, relrowsecurity, (SELECT count(*) FROM pg_policies p WHERE schemaname = 'latewood' "
        "AND tablename = relname AND roles = '{latewood_reader}' AND cmd = 'SELECT') "
        "FROM pg_class WHERE relnamespace = 'latewood'::regnamespace AND relkind = 'r'"
    )
    assert {name for name, _, _ in rows} - WITHOUT_PROJECT == {
        name for name, on, policies in rows if on and policies == 1
    }


def test_the_project_leads_every_projection_s_primary_key(ledger):
    rows = ledger.rows(
        "SELECT c.relname, a.attname FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE c.relnamespace = 'latewood'::regnamespace"
    )
    leading = dict(rows)
    assert {leading[name] for name in tables(ledger) if name not in {*WITHOUT_PROJECT, "events"}} == {"project"}


VALUES = {
    "bigint": "1",
    "integer": "1",
    "double precision": "1.5",
    "boolean": "true",
    "text": "'x'",
    "text[]": "'{x}'",
    "json": "'{}'",
    "timestamp with time zone": "'2013-01-01Z'",
}


@pytest.fixture
def filled(ledger):
    """A row of project p and one of q in every table that has a project."""
    for project in ("p", "q"):
        ledger.log.append(to("s", happened(), project=project))
        acquire(ledger.engine, project, "lease", holder="h", duration=timedelta(minutes=1))
    for table in projected(ledger):
        columns = ledger.rows(
            "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
            "WHERE attrelid = format('%I', CAST(:name AS text))::regclass AND attnum > 0 AND NOT attisdropped",
            name=table,
        )
        listed = ", ".join(f'"{name}"' for name, _ in columns)
        values = ", ".join("projects.project" if name == "project" else VALUES[kind] for name, kind in columns)
        ledger.rows(
            f"INSERT INTO \"{table}\" ({listed}) SELECT {values} FROM unnest(ARRAY['p', 'q']) AS projects (project) "
            "ON CONFLICT DO NOTHING"
        )
    return ledger


def projected(ledger) -> list[str]:
    return [name for name in tables(ledger) if name not in {*WITHOUT_PROJECT, "events", "leases"}]


def projects_in(connection, table: str) -> list[str]:
    return list(connection.execute(text(f'SELECT project FROM "{table}" ORDER BY project')).scalars())


def test_a_reader_sees_the_rows_of_its_projects_only_in_every_table(filled):
    for table in {*tables(filled)} - WITHOUT_PROJECT:
        with filled.engine.connect() as connection:
            assert projects_in(connection, table) == ["p", "q"], table
        with reading(filled.reader, ["p"]) as connection:
            assert projects_in(connection, table) == ["p"], table
        with reading(filled.reader, ["q", "other"]) as connection:
            assert projects_in(connection, table) == ["q"], table


def test_a_reader_without_projects_sees_nothing(filled):
    for table in {*tables(filled)} - WITHOUT_PROJECT:
        with filled.reader.connect() as connection:
            assert projects_in(connection, table) == []
        with reading(filled.reader, []) as connection:
            assert projects_in(connection, table) == []
        with reading(filled.reader, ["p"]):
            pass
        with filled.reader.connect() as connection:  # the pool's one, which has just read p
            assert projects_in(connection, table) == []


def test_a_reading_that_takes_longer_than_it_may_is_ended(filled):
    with pytest.raises(TookTooLong), reading(filled.reader, ["p"], limit=timedelta(milliseconds=50)) as connection:
        connection.execute(text("SELECT pg_sleep(10)"))
    with reading(filled.reader, ["p"], limit=timedelta(milliseconds=50)) as connection:
        for _ in range(2):
            with pytest.raises(TookTooLong):
                connection.execute(text("SELECT pg_sleep(10)"))
    with reading(filled.reader, ["p"]) as connection:
        connection.execute(text("SELECT pg_sleep(0.1)"))


def test_no_name_of_a_project_opens_another(filled):
    for name in ("", " p", "p ", "P", "p%", "_", "{p}", "NULL", "p' OR 'a'='a", '"p"', "p\\"):
        with reading(filled.reader, [name]) as connection:
            assert projects_in(connection, "events") == [], name
    for names in (["p,q"], ["other,q"], [",q"]):
        with pytest.raises(ValueError, match="expected no comma"), reading(filled.reader, names):
            pass


def test_a_reader_knows_whether_the_schema_is_its_own(ledger):
    require_schema(ledger.reader, ledger.log.projections)
