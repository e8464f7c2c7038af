"""A process that dies at each of its effects in turn, each time followed by runs of another one that finish.

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

_LANES = 4  # who comes after one that died waits a moment for it to answer
NO_TIME = "SELECT :p"
SECONDS = "UPDATE leases SET renewed_at = renewed_at - interval '2 seconds' WHERE project = :p"
A_LEASE = "UPDATE leases SET expires_at = now() WHERE project = :p"
"""The time that has passed since a process died, as leases know it."""


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


def connected() -> Engine:
    return connect(DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"]), role="engine")


def start(
    root: Path, project: str, loaded: Loaded, effects: Effects, passed: str = NO_TIME, engine: Engine | None = None
) -> Result:
    """`materialize '*'` by who has nothing of the project but the database and the store; the time that has `passed`.

    Without an `engine` by one of its own, on which the effects are counted.
    """
    folder = root / "outside" / project
    folder.mkdir(parents=True, exist_ok=True)
    os.environ |= {"LATEWOOD_TEST_FOLDER": str(folder), "LATEWOOD_TEST_PAUSE_S": PACES[project.partition("-")[0]]}
    if engine is None:
        engine = connected()
        watch(engine, effects)
    with engine.begin() as connection:
        connection.execute(text(passed), {"p": project})
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


def crash_and_start_again(root: Path, loaded: Loaded, project: str, effects: Effects, engine: Engine) -> int:
    """A crash, a run seconds after it, and one when the dead one's lease has ended.

    FINISHED if there was nothing left to crash at.
    """
    ended = in_a_process(lambda: start(root, project, loaded, effects))
    if ended != CRASHED:
        return ended
    try:
        for passed in (SECONDS, A_LEASE):
            start(root, project, loaded, Effects("never", 0), passed, engine)
    except Exception:
        traceback.print_exc()
        return BROKEN
    return CRASHED


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


def sweep(root: Path, loaded: Loaded, lane: int) -> None:
    """Crashes at each so-manieth effect one after the other, until there is nothing left to crash at.

    Which facts share a commit varies, and with it the number of effects: each lane comes to its own end.
    """
    engine = connected()
    for (pace, when), (first, step) in EFFECTS.items():
        for fatal in count(first + lane * step, step * _LANES):
            project = f"{pace}-{when}-{fatal}"
            ended = crash_and_start_again(root, loaded, project, Effects(when, fatal), engine)
            tell({"project": project, "ended": ended})
            if ended != CRASHED:
                break


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
    lanes = []
    for lane in range(_LANES):
        child = os.fork()
        if child == 0:
            _do(lambda lane=lane: sweep(root, loaded, lane))
        lanes.append(child)
    ended = [os.waitpid(child, 0)[1] for child in lanes]
    sys.exit(any(ended))


if __name__ == "__main__":
    main()
