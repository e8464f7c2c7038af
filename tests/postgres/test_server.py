import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import text

from e2e.shell import LATEWOOD
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl, bootstrap, connect, dsn, reading
from latewood_eventlog.errors import DatabaseUnreachable
from latewood_eventlog.homes import server_data
from latewood_eventlog.server import (
    Running,
    Stopped,
    database_url,
    ensure_started,
    status,
    stop,
    superuser_url,
)

AS_ROOT = os.geteuid() == 0
START = "import sys; from pathlib import Path; from latewood_eventlog import server;"
START += "print(server.ensure_started(Path(sys.argv[1])).reveal(), flush=True);"


@pytest.fixture(scope="module")
def used(tmp_path_factory) -> Iterator[Path]:
    """A home whose server has run before; a test may stop, kill or break it, if it can start afterwards."""
    home = tmp_path_factory.mktemp("used")
    ensure_started(home)
    yield home
    ensure_started(home)
    embedded.remove(home)


def child(script: str, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def execute(url: DatabaseUrl, statement: str) -> list[tuple]:
    engine = connect(url, role="owner")
    with engine.begin() as connection:
        result = connection.execute(text(statement))
        rows = [tuple(row) for row in result] if result.returns_rows else []
    engine.dispose()
    return rows


def test_many_processes_start_one_server(home):
    children = [child(START, home) for _ in range(4)]
    addresses = {process.communicate()[0].strip() for process in children}
    assert addresses == {ensure_started(home).reveal()}
    assert [process.returncode for process in children] == [0, 0, 0, 0]


def test_server_outlives_its_starters_process_group(home):
    with child(START + "sys.stdin.read()", home) as starter:
        address = starter.stdout.readline().strip()
        before = status(home)
        os.killpg(starter.pid, signal.SIGKILL)
    assert status(home) == before
    assert ensure_started(home).reveal() == address


def test_a_starter_killed_at_any_moment_leaves_a_home_that_starts(home):
    for delay in (0.3, 0.5, 0.7):
        with child(START, home) as starter:
            time.sleep(delay)
            os.killpg(starter.pid, signal.SIGKILL)
    url = ensure_started(home)
    assert execute(url, "SELECT current_user") == [("latewood_owner",)]
    assert [path.name for path in (home / "postgres").glob("*.json")] == ["cluster.json"]


def test_after_kill_9_of_the_postmaster_the_data_are_there_at_the_same_address(used):
    url = ensure_started(used)
    execute(url, "CREATE SCHEMA latewood; CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(status(used).pid, signal.SIGKILL)
    assert ensure_started(used) == url
    assert execute(url, "SELECT answer FROM kept") == [(42,)]


def test_stop_and_start_again(home):
    assert status(home) == Stopped()
    stop(home)  # nothing to stop is no error
    url = ensure_started(home)
    first = status(home)
    assert isinstance(first, Running)
    assert first.url == url
    assert execute(url, "SHOW fsync") == [("on",)]
    stop(home)
    assert status(home) == Stopped()
    assert ensure_started(home) == url
    assert status(home).pid != first.pid


def test_an_occupied_port_is_left_to_its_owner(used):
    url = ensure_started(used)
    stop(used)
    with socket.socket() as occupant:
        occupant.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        occupant.bind(("127.0.0.1", url.url.port))
        occupant.listen()
        elsewhere = ensure_started(used)
        assert elsewhere.url.port != url.url.port
    assert ensure_started(used) == elsewhere
    stop(used)
    assert ensure_started(used) == url


def test_a_pid_file_that_names_a_foreign_process_is_stale(used):
    url = ensure_started(used)
    found = status(used)
    lock_file = found.data_directory / "postmaster.pid"
    stale = lock_file.read_text().replace(str(found.pid), str(os.getpid()), 1)
    stop(used)
    lock_file.write_text(stale)  # as after a reboot that gave the number to another process
    assert status(used) == Stopped()
    stop(used)  # and does not interrupt this one
    assert ensure_started(used) == url


def test_a_server_that_cannot_start_shows_the_end_of_its_log(used):
    ensure_started(used)
    data = status(used).data_directory
    stop(used)
    configuration = data / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text(sound + "\nno_such_setting = 1\n")
    with pytest.raises(DatabaseUnreachable, match="no_such_setting"):
        ensure_started(used)
    configuration.write_text(sound)
    assert ensure_started(used)


def test_missing_data_are_never_replaced_by_an_empty_log(used):
    ensure_started(used)
    data = status(used).data_directory
    stop(used)
    data.rename(data.with_name(f"{data.name}-away"))
    with pytest.raises(DatabaseUnreachable, match="found nothing"):
        ensure_started(used)
    data.with_name(f"{data.name}-away").rename(data)
    assert ensure_started(used)


@pytest.mark.parametrize("version", ["16", "18"])
def test_both_versions_start_and_the_data_keep_theirs(home, version):
    url = database_url({"LATEWOOD_HOME": str(home), "LATEWOOD_POSTGRES_VERSION": version})
    assert status(home).version.split(".")[0] == version
    stop(home)
    assert ensure_started(home) == url
    assert status(home).version.split(".")[0] == version


def test_an_unknown_version_is_refused(home):
    with pytest.raises(DatabaseUnreachable, match="expected Postgres 16 or 18, found '9'"):
        database_url({"LATEWOOD_HOME": str(home), "LATEWOOD_POSTGRES_VERSION": "9"})


def test_a_given_address_starts_no_server(home):
    given = {"LATEWOOD_HOME": str(home), "LATEWOOD_DATABASE_URL": "postgres://me@db.example/log"}
    assert str(database_url(given)) == "postgresql+psycopg2://me@db.example/log"
    assert not home.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another account for the server")
def test_root_with_a_closed_home_runs_the_server_as_nobody(tmp_path, home):
    home.mkdir(mode=0o700)
    url = database_url({"HOME": str(home), "LATEWOOD_HOME": str(home)})
    found = status(home)
    assert Path(f"/proc/{found.pid}").stat().st_uid == 65534
    assert not found.data_directory.is_relative_to(home)
    assert found.url == url
    secret = home / "postgres" / "cluster.json"
    assert (secret.stat().st_uid, secret.stat().st_mode & 0o777) == (0, 0o600)
    (own,) = [each for each in server_data(home) if each.path == found.data_directory]
    assert (own.home, own.pid, own.is_left) == (home, found.pid, False)
    shutil.rmtree(home)
    (left,) = [each for each in server_data(home) if each.path == found.data_directory]
    assert (left.home, left.pid, left.is_left) == (home, found.pid, True)
    refused = subprocess.run([LATEWOOD, "db", "remove", "data-0"], capture_output=True, text=True, check=False)
    assert (refused.returncode, "no data" in refused.stderr) == (2, True)
    removed = subprocess.run([LATEWOOD, "db", "remove", left.path.name], capture_output=True, text=True, check=True)
    assert removed.stdout.startswith(f"removed: {left.path.name} of {home}, ")
    assert not list(left.path.parent.glob(f"{left.path.name}*"))
    cmdline = Path(f"/proc/{found.pid}/cmdline")
    assert not cmdline.exists() or not cmdline.read_text(), "its server has ended"


# Imports first: the interpreter itself may lie where the account cannot read.
AS_NOBODY = """
import os, sys
from pathlib import Path
from latewood_eventlog import server
server.DatabaseUrl.parse("postgresql://localhost/x").libpq()
os.setgroups([]), os.setgid(65534), os.setuid(65534)
home = Path(sys.argv[1])
url = server.ensure_started(home)
found = server.status(home)
assert found.url == url
assert found.data_directory.parent == home / "postgres", found
moved = home.with_name("moved")
server.stop(home)
home.rename(moved)
assert server.ensure_started(moved) == url
server.stop(moved)
assert server.status(moved) == server.Stopped()
"""


@pytest.mark.skipif(not AS_ROOT, reason="every other test shows it")
def test_an_ordinary_user_keeps_everything_in_the_home(tmp_path_factory, tmp_path):
    parent = Path("/var/tmp") / f"latewood-{os.getpid()}-{tmp_path.name}"  # pytest's own are closed to others
    parent.mkdir()
    os.chown(parent, 65534, 65534)
    try:
        with child(AS_NOBODY, parent / "home") as process:
            pass
        assert process.returncode == 0
    finally:
        subprocess.run(["rm", "-r", str(parent)], check=True)


def test_the_login_is_nobody_until_it_takes_a_role(server):
    with (
        closing(psycopg2.connect(ensure_started(server).libpq())) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchall() == [(False, False, False)]
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("CREATE SCHEMA mine")
        connection.rollback()
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute("SET ROLE postgres")


@pytest.mark.parametrize("role", ["owner", "engine", "reader"])
def test_every_connection_acts_as_the_role_asked_for(server, role):
    url = ensure_started(server)
    engine = connect(url, role=role)
    with engine.connect() as connection:
        connection.execute(text("RESET ALL"))  # what a session resets to is what it started with
        session = connection.execute(text("SELECT current_user, session_user, current_setting('timezone')"))
        assert session.one() == (f"latewood_{role}", "latewood", "UTC")
    engine.dispose()
    with closing(psycopg2.connect(dsn(url, role=role))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_setting('search_path')")
        assert cursor.fetchone() == (f"latewood_{role}", "latewood")


def test_only_the_login_may_connect(server):
    execute(superuser_url(server), "SET ROLE postgres; CREATE ROLE stranger LOGIN PASSWORD 'stranger'")
    login = ensure_started(server)
    stranger = DatabaseUrl(url=login.url.set(username="stranger", password="stranger"))
    with pytest.raises(DatabaseUnreachable, match="permission denied for database"):
        connect(stranger, role="reader")


def test_bootstrap_twice_changes_nothing(server):
    url = ensure_started(server)
    assert bootstrap(superuser_url(server), url.url.database, url.url.password) == url
    assert execute(url, "SELECT current_user") == [("latewood_owner",)]


def test_reading_is_one_read_only_snapshot_of_the_projects_asked_for(server):
    engine = connect(ensure_started(server), role="reader")
    setting = text("SELECT string_to_array(current_setting('latewood.projects', true), ',')")
    with reading(engine, ["a", "b"]) as connection:
        assert connection.execute(setting).scalar_one() == ["a", "b"]
    with reading(engine, []) as connection:
        assert connection.execute(setting).scalar_one() == []
    with engine.connect() as connection:
        assert connection.execute(setting).scalar_one() in (None, [])
    with (
        pytest.raises(Exception, match=r"cannot execute .* in a read-only transaction"),
        reading(engine, ["a"]) as connection,
    ):
        connection.execute(text("SELECT lo_create(0)"))
    with pytest.raises(ValueError, match="no comma"), reading(engine, ["a,b"]):
        pass
    engine.dispose()


def test_a_lost_connection_is_unreachable_and_the_next_one_is_made_anew(used):
    before = ensure_started(used)
    engine = connect(before, role="engine")
    os.kill(status(used).pid, signal.SIGKILL)
    after = ensure_started(used)
    with (
        pytest.raises(DatabaseUnreachable, match="server closed the connection"),
        engine.begin() as connection,
    ):
        connection.execute(text("SELECT 1"))
    if after != before:  # another process was faster to take the port: the address is kept when it is free
        engine = connect(after, role="engine")
    with engine.begin() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


SECRET = "hunter2-and-more"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"postgres://u:{SECRET}@h/d", "postgresql+psycopg2://u:***@h/d"),
        (f"postgresql://u:{SECRET}@h:5433/d", "postgresql+psycopg2://u:***@h:5433/d"),
        (f"postgresql+psycopg2://u:{SECRET}@[::1]/d?sslmode=require", "postgresql+psycopg2://u:***@[::1]/d"),
        (f"postgresql://u@h/d?password={SECRET}&sslpassword={SECRET}", "postgresql+psycopg2://u:***@h/d"),
    ],
)
def test_a_password_is_revealed_only_when_asked_for(address, shown):
    url = DatabaseUrl.parse(address)
    assert str(url) == shown
    assert repr(url) == f"DatabaseUrl('{shown}')"
    assert SECRET in url.reveal()
    assert DatabaseUrl.parse(url.reveal()) == url


@pytest.mark.parametrize("address", [f"mysql://u:{SECRET}@h/d", f"postgresql+asyncpg://u:{SECRET}@h/d"])
def test_another_database_is_refused_by_its_scheme(address):
    with pytest.raises(
        DatabaseUnreachable, match=r"expected the scheme postgresql://, found (mysql|.*asyncpg)"
    ) as refused:
        DatabaseUrl.parse(address)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("address", [SECRET, f"postgresql://u:p@h:{SECRET}/d"])
def test_what_is_no_address_is_refused_without_repeating_it(address):
    with pytest.raises(DatabaseUnreachable, match="percent-encoded") as refused:
        DatabaseUrl.parse(address)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_unreachable_names_the_server_and_no_credential():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        url = DatabaseUrl.parse(f"postgresql://u:{SECRET}@127.0.0.1:{port}/d")
        with pytest.raises(DatabaseUnreachable, match=rf"'d' at 127\.0\.0\.1:{port}: .*refused") as from_connect:
            connect(url, role="engine")
        with pytest.raises(DatabaseUnreachable, match=rf"127\.0\.0\.1:{port}") as from_bootstrap:
            bootstrap(url, "d", SECRET)
    assert SECRET not in f"{from_connect.value}{from_bootstrap.value}"


def test_a_wrong_password_is_not_repeated(server):
    wrong = DatabaseUrl(url=ensure_started(server).url.set(password=SECRET))
    with pytest.raises(DatabaseUnreachable, match="password authentication failed") as refused:
        connect(wrong, role="engine")
    assert SECRET not in str(refused.value)
    assert SECRET not in (status(server).data_directory / "server.log").read_text()


def test_a_clone_has_the_migrated_schema(database_url, superuser_url):
    assert execute(database_url, "SELECT position FROM log_head") == [(0,)]
    assert superuser_url.url.database == database_url.url.database


def test_where_no_port_is_free_the_way_out_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "_bound", lambda _port: None)
    with pytest.raises(DatabaseUnreachable, match=r"found none\. .*name another server in LATEWOOD_DATABASE_URL"):
        ensure_started(tmp_path)
