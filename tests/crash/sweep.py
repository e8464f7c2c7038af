"""A process that dies at each of its effects in turn, each time followed by others that start again and finish.

    python sweep.py FOLDER        the database's URL is in LATEWOOD_DATABASE_URL

An effect is what outlives the process: a transaction that wrote, a staged artifact, a commit of artifacts. All of
them pass through the log's engine and the store, so they can be counted. Each crash has a project of its own,
`PACE-WHEN-EFFECT`; prints one JSON line for each, with the number of effects where none is left to die at.
"""

import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from effects import BROKEN, CRASHED, FINISHED, CountedStore, Effects, tell
from sqlalchemy import Connection, Engine, event, text

from latewood.commands.materializing import Result, materialize, prepare
from latewood.commands.planning import Asked
from latewood.commands.workspace import Workspace, new_run
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.log import EventLog

PACES = {"fast": "0", "slow": "0.004"}
"""Seconds that every task takes. Fast tasks run ahead of the log, slow ones see each fact recorded by itself."""

EFFECTS = {
    ("fast", "before"): (1, 1),
    ("fast", "after"): (1, 1),
    ("slow", "before"): (1, 2),
    ("slow", "after"): (2, 2),
}
"""The first effect and the step to the next one: of slow tasks before one and after the next, in half the time."""

_AT_ONCE = 4  # who comes after one that died waits a moment for it to answer
NO_TIME = "SELECT :p"
SECONDS = "UPDATE leases SET renewed_at = renewed_at - interval '2 seconds' WHERE project = :p"
A_LEASE = "UPDATE leases SET expires_at = now() WHERE project = :p"
"""The time that has passed since a process died, as leases know it."""

_UNHARMED = 4  # runs end a sweep: which facts share a commit varies, and with it the number of effects


def watch(engine: Engine, effects: Effects) -> None:
    """Count the transactions of this engine that wrote: just before their commit, and just after it.

    An append sends its commit with what it records, so that nobody can come between.
    """

    @event.listens_for(engine, "commit")
    def _before(connection: Connection) -> None:
        with connection.connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")
            if cursor.fetchone() == (True,):
                connection.info["effect"] = effects.begin()

    @event.listens_for(engine, "checkin")
    def _after(_connection: object, record: object) -> None:
        if number := record.info.pop("effect", 0):
            effects.end(number)

    @event.listens_for(engine, "before_cursor_execute")
    def _before_append(connection: Connection, _cursor: object, statement: str, *_others: object) -> None:
        if "record_events" in statement:
            connection.info["append"] = effects.begin()

    @event.listens_for(engine, "after_cursor_execute")
    def _after_append(connection: Connection, *_others: object) -> None:
        if number := connection.info.pop("append", 0):
            effects.end(number)


def start(root: Path, project: str, loaded: Loaded, effects: Effects, passed: str = NO_TIME) -> Result:
    """`materialize '*'` in a process that has nothing but the database and the store; the time that has `passed`."""
    folder = root / "outside" / project
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"LATEWOOD_TEST_FOLDER": str(folder), "LATEWOOD_TEST_PAUSE_S": PACES[project.partition("-")[0]]}
    engine = connect(DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"]), role="engine")
    with engine.begin() as connection:
        connection.execute(text(passed), {"p": project})
    watch(engine, effects)
    workspace = Workspace(
        log=EventLog(engine, PROJECTIONS, UPCASTERS),
        store=CountedStore(root / "store", project, effects),
        project=project,
        environment="prod",
        actor="crash test",
        clock=lambda: datetime.now(UTC),
        new_run=new_run,
    )
    return materialize(workspace, prepare(workspace, loaded, Asked(selection="*")))


def crash_and_start_again(root: Path, loaded: Loaded, pace: str, when: str, fatal: int) -> int:
    """A crash, a process seconds after it, and one when the dead one's lease has ended.

    FINISHED if there was nothing left to crash at.
    """
    project = f"{pace}-{when}-{fatal}"
    effects = Effects(when, fatal)
    first = in_a_process(lambda: start(root, project, loaded, effects))
    if first != CRASHED:
        return first
    again = in_a_process(lambda: start(root, project, loaded, Effects("never", 0), SECONDS))
    later = in_a_process(lambda: start(root, project, loaded, Effects("never", 0), A_LEASE))
    return CRASHED if again == later == FINISHED else BROKEN


def in_a_process(act: Callable[[], object]) -> int:
    """Exit status of a fork of this process that does it."""
    child = os.fork()
    if child == 0:
        _do(act)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _do(act: Callable[[], object]) -> None:
    try:
        status = act()
    except BaseException:
        traceback.print_exc()
        status = BROKEN
    os._exit(status if isinstance(status, int) else FINISHED)


def sweep(root: Path, loaded: Loaded, pace: str, when: str) -> None:
    """Crashes at one effect after the other, a few at a time, until there is nothing left to crash at."""
    running: dict[int, int] = {}
    numbers = count(*EFFECTS[pace, when])
    unharmed = 0
    while unharmed < _UNHARMED or running:
        while unharmed < _UNHARMED and len(running) < _AT_ONCE:
            fatal = next(numbers)
            child = os.fork()
            if child == 0:
                _do(lambda fatal=fatal: crash_and_start_again(root, loaded, pace, when, fatal))
            running[child] = fatal
        child, status = os.wait()
        fatal, ended = running.pop(child), os.waitstatus_to_exitcode(status)
        unharmed += ended != CRASHED
        tell({"project": f"{pace}-{when}-{fatal}", "ended": ended})


def undisturbed(root: Path, loaded: Loaded, pace: str) -> None:
    """A run that nothing disturbs, and its number of effects."""
    project, effects = f"{pace}-undisturbed", Effects("never", 0)

    def act() -> int:
        start(root, project, loaded, effects)
        tell({"project": project, "ended": FINISHED, "effects": effects.count})
        return FINISHED

    in_a_process(act)


def main() -> None:
    root = Path(sys.argv[1])
    loaded = load_file(Path(__file__).with_name("flow.py"), root=Path(__file__).parent)
    for pace in PACES:
        undisturbed(root, loaded, pace)
    for pace, when in EFFECTS:
        sweep(root, loaded, pace, when)


if __name__ == "__main__":
    main()
