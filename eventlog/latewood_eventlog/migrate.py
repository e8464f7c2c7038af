"""Schema changes: numbered, forward, under a lock; and projections, which are rebuilt rather than migrated."""

from collections.abc import Sequence
from importlib import resources
from typing import Final

from sqlalchemy import Connection, Engine, Table, text
from sqlalchemy.exc import ProgrammingError

from latewood_eventlog.codec import Upcasters
from latewood_eventlog.errors import SchemaUnknown
from latewood_eventlog.projector import Projection, fold
from latewood_eventlog.schema import SCHEMA, SCHEMA_VERSION
from latewood_eventlog.statements import HEAD, LOCK_HEAD, READ_CHECKPOINTS, REGISTER_PROJECTION

_STAGING: Final = "latewood_rebuild"

# Any number of processes may start at once on a new server; one migrates, the others find it done.
_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('latewood.migrate'))")
_CREATE: Final = (
    text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"),
    text("CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL)"),
)
_VERSION: Final = text("SELECT coalesce(max(version), 0) FROM schema_version")
_RECORD: Final = text("INSERT INTO schema_version (version) VALUES (:version)")


def migrate(
    owner: Engine, projections: Sequence[Projection] = (), upcasters: Upcasters | None = None
) -> tuple[str, ...]:
    """Bring the database to this code's schema, through a connection as owner; what was done, in words.

    Replay: safe to run any number of times and from many processes at once.
    Raises SchemaUnknown when the database is newer than this code.
    """
    done: list[str] = []
    with owner.begin() as connection:
        connection.execute(_LOCK)
        for statement in _CREATE:
            connection.execute(statement)
        version = connection.execute(_VERSION).scalar_one()
        if version > SCHEMA_VERSION:
            raise SchemaUnknown(found=version, needed=SCHEMA_VERSION)
        for number, name, sql in _migrations():
            if number > version:
                # no_parameters: the SQL's own % signs are not placeholders
                connection.execution_options(no_parameters=True).exec_driver_sql(sql)
                connection.execute(_RECORD, {"version": number})
                done.append(f"applied {name}")
    for projection in _outdated(owner, projections):
        rebuild(owner, projection, upcasters or Upcasters())
        done.append(f"built projection {projection.name} version {projection.version}")
    return tuple(done)


def require_schema(engine: Engine, projections: Sequence[Projection] = ()) -> None:
    """Raise SchemaUnknown unless the database is what this code is written for."""
    try:
        with engine.connect() as connection:
            found = connection.execute(_VERSION).scalar_one()
    except ProgrammingError:  # no such table: nothing was ever migrated here
        found = 0
    if found != SCHEMA_VERSION:
        raise SchemaUnknown(found=found, needed=SCHEMA_VERSION)
    outdated = _outdated(engine, projections)
    if outdated:
        # The projections' versions are part of the schema; a rebuild is what `db migrate` does about them.
        raise SchemaUnknown(found=found - 1, needed=SCHEMA_VERSION)


def rebuild(owner: Engine, projection: Projection, upcasters: Upcasters) -> None:
    """Fold the whole log into new tables and put them in the place of the old.

    The new tables grow beside the old ones while appends go on; only the last stretch and the swap hold the
    head lock, so that an inline projection misses nothing. Cost: O(log).
    """
    with owner.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {_STAGING} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {_STAGING}"))
        _stage(connection)
        for table in projection.tables:
            table.create(connection)
            _protect(connection, table)
    reached = 0
    while True:
        with owner.begin() as connection:
            head = connection.execute(HEAD).one().position
            if head - reached < 1_000:
                break
            _stage(connection)
            fold(connection, [projection], upcasters, after=reached, until=head)
            reached = head
    with owner.begin() as connection:
        head = connection.execute(LOCK_HEAD).one().position
        _stage(connection)
        fold(connection, [projection], upcasters, after=reached, until=head)
        for table in projection.tables:
            connection.execute(text(f"DROP TABLE IF EXISTS {SCHEMA}.{table.name}"))
            connection.execute(text(f"ALTER TABLE {_STAGING}.{table.name} SET SCHEMA {SCHEMA}"))
        connection.execute(
            REGISTER_PROJECTION,
            {"name": projection.name, "version": projection.version, "checkpoint": head},
        )
        connection.execute(text(f"DROP SCHEMA {_STAGING} CASCADE"))


def _migrations() -> list[tuple[int, str, str]]:
    folder = resources.files("latewood_eventlog.migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name[:4]), name, (folder / name).read_text(encoding="utf-8")) for name in names]


def _outdated(engine: Engine, projections: Sequence[Projection]) -> list[Projection]:
    with engine.connect() as connection:
        built = {row.name: row.version for row in connection.execute(READ_CHECKPOINTS)}
    return [p for p in projections if built.get(p.name) != p.version]


def _stage(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL search_path = {_STAGING}, {SCHEMA}"))


def _protect(connection: Connection, table: Table) -> None:
    """The engine writes, the reader sees the rows of the projects set in its transaction."""
    for statement in (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {t} TO latewood_engine",
        "GRANT SELECT ON {t} TO latewood_reader",
        "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY engine_all ON {t} TO latewood_engine USING (true) WITH CHECK (true)",
        "CREATE POLICY reader_own_projects ON {t} FOR SELECT TO latewood_reader "
        "USING (project = ANY (string_to_array(current_setting('latewood.projects', true), ',')))",
    ):
        connection.execute(text(statement.format(t=table.name)))
