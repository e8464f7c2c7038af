"""From nothing to this code's schema, by any number of processes, once; and no further than it knows."""

import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect

from latewood_eventlog import schema
from latewood_eventlog.audit import verify
from latewood_eventlog.errors import DatabaseUnreachable, SchemaUnknown
from latewood_eventlog.leases import acquire, renew
from latewood_eventlog.migrate import migrate, require_schema
from latewood_eventlog.schema import SCHEMA_VERSION
from postgres.ledger import Balances, Movements, moved, open_ledger, opened, to

TESTS = Path(__file__).parents[1]
BOTH = (Balances(), Movements())


@pytest.fixture
def empty(ledger):
    """A database as it is before its first migration."""
    ledger.rows("DROP SCHEMA latewood CASCADE", role="owner")
    return ledger


def migrating(ledger, *, version: int) -> subprocess.Popen:
    script = (
        "import os; from latewood_eventlog.database import DatabaseUrl, connect;"
        "from latewood_eventlog.migrate import migrate; from postgres.ledger import Balances, Movements;"
        "owner = connect(DatabaseUrl.parse(os.environ['LATEWOOD_DATABASE_URL']), role='owner');"
        f"print('ready', flush=True); print(migrate(owner, [Balances(version={version}), Movements()]))"
    )
    environ = {**os.environ, "PYTHONPATH": str(TESTS), "LATEWOOD_DATABASE_URL": ledger.url.reveal()}
    return subprocess.Popen([sys.executable, "-c", script], env=environ, stdout=subprocess.PIPE, text=True)


def test_migrating_again_does_nothing(empty):
    done = migrate(empty.owner, BOTH)
    assert done == (
        "applied 0001_log.sql",
        "applied 0002_leases.sql",
        "applied 0003_lease_since.sql",
        "applied 0004_reader_head.sql",
        "applied 0005_reader_rows.sql",
        "built projection balances version 1",
        "built projection movements version 1",
    )
    assert migrate(empty.owner, BOTH) == ()
    assert migrate(empty.owner) == ()
    require_schema(empty.engine, BOTH)


def test_four_processes_migrate_at_once_and_one_does_it(empty):
    processes = [migrating(empty, version=1) for _ in range(4)]
    printed = [process.communicate()[0].removeprefix("ready\n").strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert printed.count("()") == 3
    require_schema(empty.engine, BOTH)
    verify(empty.engine, BOTH)


def test_a_new_version_of_a_projection_is_built_by_the_next_migration(ledger):
    migrate(ledger.owner, [Balances()])
    assert migrate(ledger.owner, [Balances(version=2)]) == ("built projection balances version 2",)
    with pytest.raises(SchemaUnknown, match="projection 'balances': expected version 1, found 2; upgrade Latewood"):
        migrate(ledger.owner, [Balances()])
    require_schema(ledger.engine, [Balances(version=2)])


def test_a_migration_that_dies_half_way_is_finished_by_the_next(ledger, database_url):
    migrate(ledger.owner, BOTH)
    with open_ledger(database_url, *BOTH) as with_both:
        for i in range(8):
            with_both.log.append(to("a", opened(f"a{i}"), *(moved(f"a{i}", n) for n in range(1_000))))
        for delay in (0.02, 0.1, 0.25):
            with migrating(ledger, version=2) as process:
                process.stdout.readline()
                time.sleep(delay)
                process.kill()
        newer = (Balances(version=2), Movements())
        migrate(ledger.owner, newer)
        assert verify(ledger.engine, newer).rows == 8
        assert ledger.rows("SELECT FROM pg_namespace WHERE nspname = 'latewood_rebuild'") == []


def test_two_migrations_never_build_at_once(ledger):
    """The one building place would be pulled from under the other."""
    migrate(ledger.owner, BOTH)
    done = []
    for version in range(2, 5):
        threads = [
            threading.Thread(target=lambda v=version: done.extend(migrate(ledger.owner, [Balances(version=v)])))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert done == [f"built projection balances version {version}" for version in range(2, 5)]


# ── what the code refuses ────────────────────────────────────────────────────────────────────────────────


def test_leases_are_kept_by_a_database_that_comes_from_version_1(ledger):
    lease = acquire(ledger.engine, "p", "run", holder="ann", duration=timedelta(minutes=1))
    ledger.rows("ALTER TABLE leases DROP COLUMN renewed_at, DROP COLUMN since", role="owner")
    ledger.rows("DELETE FROM schema_version WHERE version >= 2", role="owner")
    assert migrate(ledger.owner, BOTH)[:2] == ("applied 0002_leases.sql", "applied 0003_lease_since.sql")
    assert renew(ledger.engine, lease, duration=timedelta(minutes=1)) > lease.expires_at


def test_what_a_reader_sees_is_the_same_by_a_database_that_comes_from_version_4(ledger):
    migrate(ledger.owner, BOTH)
    rows = "SELECT tablename, qual FROM pg_policies WHERE policyname = 'reader_own_projects' ORDER BY tablename"
    new = ledger.rows(rows, role="owner")
    for table, _ in new:
        ledger.rows(
            f'ALTER POLICY reader_own_projects ON "{table}" USING '
            "(project = ANY (string_to_array(current_setting('latewood.projects', true), ',')))",
            role="owner",
        )
    ledger.rows("DELETE FROM schema_version WHERE version >= 5", role="owner")
    assert migrate(ledger.owner, BOTH) == ("applied 0005_reader_rows.sql",)
    assert ledger.rows(rows, role="owner") == new
    assert {"events", "leases", "balances", "order"} <= {table for table, _ in new}


def test_a_database_that_was_never_migrated_is_named_so(empty):
    with pytest.raises(SchemaUnknown, match="database schema: expected version 5, found 0; run `latewood db migrate`"):
        require_schema(empty.engine, BOTH)


def test_a_newer_schema_is_refused(ledger):
    ledger.rows("INSERT INTO schema_version VALUES (99)", role="owner")
    for refuses in (require_schema, migrate):
        with pytest.raises(SchemaUnknown, match="database schema: expected version 5, found 99; upgrade") as refused:
            refuses(ledger.owner)
        assert (refused.value.found, refused.value.needed) == (99, SCHEMA_VERSION)


def test_an_outdated_projection_is_named(ledger):
    migrate(ledger.owner, BOTH)
    for needed, found, message in (
        ((Balances(version=2), Movements()), 1, "projection 'balances': expected version 2, found 1; run `latewood db"),
        ((*BOTH, replace(Balances(), name="other")), 0, "projection 'other': expected version 1, found 0; run"),
        ((Balances(),), 1, "projection 'movements': expected version 0, found 1; upgrade Latewood"),
    ):
        with pytest.raises(SchemaUnknown, match=message) as refused:
            require_schema(ledger.engine, needed)
        assert refused.value.found == found


def test_a_right_that_is_missing_is_not_taken_for_a_missing_schema(ledger):
    ledger.rows("REVOKE SELECT ON schema_version FROM latewood_engine", role="owner")
    with pytest.raises(DatabaseUnreachable, match="what is asked, found: permission denied"):
        require_schema(ledger.engine)


# ── the tables in Python are the tables in SQL ───────────────────────────────────────────────────────────


def test_the_tables_in_python_are_those_that_the_migrations_make(ledger):
    found = inspect(ledger.owner)
    tables = schema.metadata.tables
    assert set(found.get_table_names()) == set(tables)
    dialect = ledger.owner.dialect
    for name, table in tables.items():
        assert [
            (c["name"], c["type"].compile(dialect), getattr(c["type"], "collation", None), c["nullable"])
            for c in found.get_columns(name)
        ] == [
            (c.name, c.type.compile(dialect), getattr(c.type, "collation", None), c.nullable) for c in table.columns
        ], name
        key = found.get_pk_constraint(name)
        assert key["constrained_columns"] == [column.name for column in table.primary_key.columns]
        assert {(u["name"], *u["column_names"]) for u in found.get_unique_constraints(name)} == {
            (u.name, *(column.name for column in u.columns))
            for u in table.constraints
            if isinstance(u, schema.UniqueConstraint)
        }, name
