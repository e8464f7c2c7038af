"""The database of a test session: one embedded server in a temporary home, started with the first project.

Each project is a tenant of its own in one database, so that making one costs nothing. The home is locked as long as its
process lives: what a killed session left behind is removed by the next one.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

from latewood.commands.workspace import Workspace, new_run
from latewood.engine.storage.store import ArtifactStore
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.testing.clock import Clock
from latewood_eventlog.database import connect
from latewood_eventlog.log import EventLog
from latewood_eventlog.migrate import migrate
from latewood_eventlog.server import ensure_started, remove

_PREFIX: Final = "latewood-testing-"
_LOCK: Final = "in_use"
_numbers = count(1)


def fresh_workspace(clock: Clock, environment: str) -> Workspace:
    """A workspace of a project that nobody has used. Cost: starts the session's server for the first one."""
    home, log = _session(os.getpid())
    project = f"project-{next(_numbers)}"
    return Workspace(
        log=log,
        store=ArtifactStore(home / "store", project),
        project=project,
        environment=environment,
        actor="test",
        clock=clock,
        new_run=new_run,
        sleep=clock.sleep,
        home=home,
    )


def forget(workspace: Workspace) -> None:
    """Delete the files of a project; its facts go with the session."""
    shutil.rmtree(workspace.store.directory, ignore_errors=True)


@cache
def _session(pid: int) -> tuple[Path, EventLog]:
    """Home and log of this process; a forked child gets its own, since connections cannot be shared."""
    temporary = Path(tempfile.gettempdir())
    _remove_left_behind(temporary)
    home = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=temporary))
    lock = (home / _LOCK).open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    url = ensure_started(home, durable=False)
    owner = connect(url, role="owner")
    migrate(owner, PROJECTIONS, UPCASTERS)
    owner.dispose()
    engine = connect(url, role="engine")

    def end() -> None:
        if os.getpid() == pid:
            engine.dispose()
            _remove(home)
            lock.close()

    atexit.register(end)
    return home, EventLog(engine, PROJECTIONS, UPCASTERS)


def _remove_left_behind(temporary: Path) -> None:
    """Remove the homes of sessions that were killed: nobody holds their lock any more."""
    for home in temporary.glob(f"{_PREFIX}*"):
        # Another user's, or one that is being made or removed at this moment.
        with suppress(OSError), (home / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(home)


def _remove(home: Path) -> None:
    remove(home)
    shutil.rmtree(home, ignore_errors=True)
