"""The ground that benchmarks stand on: an embedded server that waits for the disk, and fresh databases on it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg2

from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog import server as embedded
from latewood_eventlog.database import DatabaseUrl, bootstrap, connect
from latewood_eventlog.migrate import migrate

_TEMPLATE: Final = "bench_template"
_TEMPLATE_OF_LOG: Final = "bench_template_of_log"
_SIZES: Final = """
    SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'latewood' AND c.relkind = 'r' ORDER BY c.relname
"""
_BUSY_MAX: Final = 0.15
_QUIET_WAIT_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process that ended well: seconds of wall clock, peak memory of that one process in MB, what it printed."""

    seconds: float
    peak_mb: float
    output: str

    def result(self) -> Any:
        """The JSON on the last line of what it printed."""
        return json.loads(self.output.splitlines()[-1])


class Bench:
    """One server in a temporary home; every `fresh` is a database and an artifact store that nobody has used."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._numbers = count(1)
        self._login = embedded.ensure_started(home)
        self._superuser = embedded.superuser_url(home)
        for template, projections in ((_TEMPLATE, PROJECTIONS), (_TEMPLATE_OF_LOG, ())):
            owner = connect(bootstrap(self._superuser, template, self._login.url.password), role="owner")
            migrate(owner, projections, UPCASTERS)
            owner.dispose()

    @contextmanager
    def fresh(self, template: str = _TEMPLATE) -> Iterator[dict[str, str]]:
        """The environment variables that name a migrated, empty database and an empty store; gone afterwards."""
        name = f"bench_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER latewood_owner")
        url = bootstrap(self._superuser, name, self._login.url.password)
        store = self.home / "stores" / name
        yield {
            "LATEWOOD_DATABASE_URL": url.reveal(),
            "LATEWOOD_HOME": str(self.home),
            "LATEWOOD_STORE": str(store),
        }
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")
        shutil.rmtree(store, ignore_errors=True)

    @contextmanager
    def fresh_log(self) -> Iterator[dict[str, str]]:
        """The same for the log alone, without any projection."""
        with self.fresh(_TEMPLATE_OF_LOG) as environment:
            yield environment

    @contextmanager
    def fresh_for_peer(self) -> Iterator[str]:
        """The URL of an empty database on the same server; gone afterwards."""
        name = f"bench_peer_{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name}")
        yield self._superuser.with_database(name).reveal().replace("+psycopg2", "", 1)
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def sizes(self, environment: Mapping[str, str]) -> dict[str, int]:
        """Bytes of every table with its indexes and out-of-line values, by name."""
        url = self._superuser.with_database(_database(environment))
        with closing(psycopg2.connect(url.libpq())) as connection:
            return dict(_rows(connection, _SIZES))

    def facts(self) -> dict[str, str]:
        """What the server says of itself."""
        with closing(psycopg2.connect(self._superuser.libpq())) as connection:
            return {
                name: str(_rows(connection, f"SHOW {name}")[0][0])
                for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers")
            }

    def execute(self, statement: str, environment: Mapping[str, str] | None = None) -> None:
        """One statement as superuser, outside any transaction; in the database of `environment`, or in none of them."""
        url = self._superuser.with_database(_database(environment)) if environment else self._superuser
        with closing(psycopg2.connect(url.libpq())) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)


@contextmanager
def serving() -> Iterator[Bench]:
    """A bench whose server is stopped and whose data are removed at the end."""
    with tempfile.TemporaryDirectory(prefix="latewood-bench-") as folder:
        home = Path(folder)
        try:
            yield Bench(home)
        finally:
            found = embedded.status(home)
            embedded.stop(home)
            if isinstance(found, embedded.Running):  # root's data lie outside the home
                shutil.rmtree(found.data_directory)


def run(command: list[str], environment: Mapping[str, str]) -> Ended:
    """Run a process to its end. Raises RuntimeError with what it printed when it fails."""
    quiet()
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=inherited() | environment, stdout=output, stderr=subprocess.STDOUT)
        with ThreadPoolExecutor(1) as pool:
            peak = pool.submit(_peak_mb, process)
            process.wait()
            seconds = time.perf_counter() - started
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text}")
    return Ended(seconds=seconds, peak_mb=peak.result(), output=text)


def run_python(script: str, *arguments: object, environment: Mapping[str, str]) -> Ended:
    """Run a script beside this file in a fresh process of this interpreter."""
    return run([sys.executable, str(Path(__file__).parent / script), *map(str, arguments)], environment)


def quiet() -> None:
    """Wait, though not for long, until nobody else uses the processors; elsewhere than on Linux not at all."""
    deadline = time.monotonic() + _QUIET_WAIT_S
    while time.monotonic() < deadline:
        before = _processor_seconds()
        time.sleep(0.25)
        if _processor_seconds() - before < 0.25 * _BUSY_MAX:
            return


def _peak_mb(process: subprocess.Popen[bytes]) -> float:
    """The process's peak memory, looked at until it ends; 0 elsewhere than on Linux.

    What wait4 says of a child would count the memory of its parent, from before the child's exec.
    """
    peak = 0.0
    with suppress(OSError):
        while process.returncode is None:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
            peak = max([peak, *(int(kilobytes) / 1024 for kilobytes in peaks)])
            time.sleep(0.01)
    return peak


def _processor_seconds() -> float:
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0.0
    user, nice, system, *_ = stat.read_text(encoding="ascii").splitlines()[0].split()[1:]
    return (int(user) + int(nice) + int(system)) / os.sysconf("SC_CLK_TCK")


def inherited() -> dict[str, str]:
    """This process's environment without what would change a measurement."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LATEWOOD_") and name != "PYTHONDONTWRITEBYTECODE"
    }


def _database(environment: Mapping[str, str]) -> str:
    return DatabaseUrl.parse(environment["LATEWOOD_DATABASE_URL"]).url.database or ""


def _rows(connection: Any, statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
