"""Engines, workers and database servers that are killed at each of their effects, and an engine that goes on.

    python engine_sweep.py FOLDER KIND STRIDE        each STRIDE-th effect of that kind
    python engine_sweep.py FOLDER KIND-WHEN-EFFECT   one of them again

The database's URL is in LATEWOOD_DATABASE_URL, the home of its server in LATEWOOD_TEST_SERVER. Each kill has a project
of its own, `KIND-WHEN-EFFECT`; prints one JSON line for each.

- `engine`: a transaction that wrote (an append; a lease that was taken, renewed, given back), a call handed to a
  worker, a commit of artifacts. The engine ends before or after it; another one goes on once its leases have ended.
- `worker`: an artifact staged, a commit of artifacts, an answer. The worker ends before or after it.
- `server`: an append. The server is killed before it, and again when it is done, so that its answer is lost; it is
  started again, and the engine waits for it. Each event is met so in one project; in others there is time in between.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import counted_worker
import psycopg2
from counted_worker import FATAL
from effects import BROKEN, CRASHED, FINISHED, CountedStore, Effects, tell
from engine_flow import PROMPT
from forked_workers import ForkedWorkers, forks_of_here
from sqlalchemy import event, text
from sweep import in_a_process, watch

from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.commands.runs import run_named
from latewood.commands.workspace import Workspace, new_run
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.running import worker_process
from latewood.engine.running.pool import Pool
from latewood.engine.running.run_log import patiently
from latewood.model.keys import RunId
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood.serving.engine import Engine
from latewood.serving.requesting import CANCELLATIONS, cancel, request
from latewood_eventlog import server
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.errors import LogError
from latewood_eventlog.log import EventLog

LEASE = timedelta(seconds=3)
_LONG_LEASE = timedelta(seconds=20)
"""Where it is the server that goes: no engine is to lose what it holds, however slow the machine is."""

_AT_ONCE = 3
_LONGEST_S = 90


@dataclass(frozen=True)
class Scenario:
    """Two runs of one project: one that ends by itself, and one that is cancelled once it has begun."""

    root: Path
    project: str
    prompt: RunId
    endless: RunId

    @property
    def folder(self) -> Path:
        return folder_of(self.root, self.project)

    def workspace(self, actor: str, effects: Effects) -> Workspace:
        return workspace_of(self.root, self.project, actor, effects)

    def drive(self, actor: str, effects: Effects, fatal: str = "never 0", lease: timedelta = LEASE) -> None:
        """Serve until both have ended; cancel the endless one as soon as a step of it has begun."""
        faulthandler.dump_traceback_later(_LONGEST_S, exit=True)
        os.environ |= {"LATEWOOD_TEST_FOLDER": str(self.folder), FATAL: f"{fatal} {self.folder / 'effects'}"}
        worker_process.subprocess = ForkedWorkers(forks_of_here(counted_worker.main))
        workspace = self.workspace(actor, effects)
        Pool.submit = _one(Pool.submit, effects)
        engine = Engine(workspace, slots=2, lease=lease, name=actor)
        watching = threading.Thread(target=self._until_over, args=(engine,))
        watching.start()
        engine.serve()
        watching.join()

    def _until_over(self, engine: Engine) -> None:
        workspace = self.workspace("operator", Effects("never", 0))
        is_cancelled = False
        while any(self._row(workspace, run).ended_position is None for run in (self.prompt, self.endless)):
            is_cancelled = is_cancelled or patiently(lambda: self._cancelled_if_begun(workspace))
            time.sleep(0.05)
        engine.drain()

    def _cancelled_if_begun(self, workspace: Workspace) -> bool:
        if workspace.log.read(self.project, CANCELLATIONS):
            return True
        begun = any(event.type == "step.started" for event in workspace.log.read(self.project, f"run/{self.endless}"))
        if begun:
            cancel(workspace, run_named(workspace, self.endless))
        return begun

    @staticmethod
    def _row(workspace: Workspace, run: RunId):
        return patiently(lambda: run_named(workspace, run))

    def let_leases_end(self) -> None:
        """The time that passes until those of a dead process end."""
        database = connect(database_url(), role="engine")
        with database.begin() as connection:
            connection.execute(text("UPDATE leases SET expires_at = now() WHERE project = :p"), {"p": self.project})


def database_url() -> DatabaseUrl:
    return DatabaseUrl.parse(os.environ["LATEWOOD_DATABASE_URL"])


def folder_of(root: Path, project: str) -> Path:
    return root / "outside" / project


def workspace_of(root: Path, project: str, actor: str, effects: Effects) -> Workspace:
    database = connect(database_url(), role="engine")
    if isinstance(effects, ServerKills):
        effects.watch(database)
    else:
        watch(database, effects)
    return Workspace(
        log=EventLog(database, PROJECTIONS, UPCASTERS),
        store=CountedStore(root / "store", project, effects),
        project=project,
        environment="prod",
        actor=actor,
        clock=lambda: datetime.now(UTC),
        new_run=new_run,
        home=root / "home",
        url=database_url(),
    )


def asked(root: Path, project: str, loaded: Loaded) -> Scenario:
    """Both runs, asked for by whoever does that."""
    folder_of(root, project).mkdir(parents=True)
    workspace = workspace_of(root, project, "operator", Effects("never", 0))
    set_pool(workspace, "narrow", 1)
    prompt = request(workspace, prepare(workspace, loaded, Asked(selection=PROMPT)))
    endless = request(workspace, prepare(workspace, loaded, Asked(selection="endless")))
    workspace.log.engine.dispose()
    return Scenario(root, project, prompt.run, endless.run)


def _one(act, effects):
    def counted(*given):
        with effects.one():
            return act(*given)

    return counted


# ── one kill ──────────────────────────────────────────────────────────────────────────────────────────


def kill_of(root: Path, loaded: Loaded, project: str) -> tuple[int, int]:
    """How the kill ended, and the number of effects; FINISHED if there was nothing to kill at."""
    kind, when, fatal = project.split("-")
    scenario = asked(root, project, loaded)
    return {"engine": _engine, "worker": _worker, "server": _server}[kind](scenario, when, int(fatal))


def _engine(scenario: Scenario, when: str, fatal: int) -> tuple[int, int]:
    effects = Effects(when, fatal)
    counted = scenario.folder / "count"

    def first() -> None:
        scenario.drive("engine 1", effects)
        counted.write_text(str(effects.count))

    ended = in_a_process(first)
    if ended != CRASHED:
        return ended, int(counted.read_text()) if ended == FINISHED else 0
    scenario.let_leases_end()
    again = in_a_process(lambda: scenario.drive("engine 2", Effects("never", 0)))
    return CRASHED if again == FINISHED else BROKEN, 0


def _worker(scenario: Scenario, when: str, fatal: int) -> tuple[int, int]:
    ended = in_a_process(lambda: scenario.drive("engine 1", Effects("never", 0), f"{when} {fatal}"))
    effects = (scenario.folder / "effects").stat().st_size
    return CRASHED if ended == FINISHED and effects >= fatal > 0 else ended, effects


class ServerKills(Effects):
    """Kills the server at an append: before it, and again when it is done, so that its answer is lost.

    Then `apart` of them are left alone. An append is known by its events: one that found no server comes again, with
    others that came meanwhile. Apart by 0 each event is met both times, and much comes at once; else less does.
    """

    def __init__(self, apart: int) -> None:
        super().__init__("never", 0)
        self._home = Path(os.environ["LATEWOOD_TEST_SERVER"])
        self._starting = threading.Thread()
        self._lock = threading.Lock()
        self._apart, self._left_alone = apart, 0
        self._seen: set[str] = set()
        self._met: dict[str, set[str]] = {"before": set(), "after": set()}
        self.kills = 0

    def watch(self, database) -> None:
        @event.listens_for(database, "do_execute")
        def _append(cursor, statement, parameters, _context) -> bool:
            if "record_events" not in statement:
                return False
            events = {each["event_id"] for each in json.loads(parameters["rows_0"])}
            with self._lock:
                is_met = self._is_met(events)
                is_killed = is_met and self._killed("before", events, cursor)
            cursor.execute(statement, parameters)
            with self._lock:
                if is_met and not is_killed and self._killed("after", events, cursor):
                    self._left_alone = 0
                    raise psycopg2.OperationalError("server closed the connection unexpectedly")
            return True

    def _is_met(self, events: set[str]) -> bool:
        is_new = not self._seen >= events
        self._seen |= events
        if is_new and self.kills and self._left_alone < self._apart:
            self._left_alone += 1
            return False
        return True

    def _killed(self, when: str, events: set[str], cursor) -> bool:
        """Whether it is now: once for each event. Whoever comes while it starts waits for that."""
        if events <= self._met[when]:
            return False
        if self._starting.ident is not None:
            self._starting.join()
        found = server.status(self._home)
        assert isinstance(found, server.Running), "it was started again"
        self._met[when] |= events
        self.kills += 1
        for process in (found.pid, cursor.connection.get_backend_pid()):
            with suppress(ProcessLookupError):  # a server that is gone takes its backends along
                os.kill(process, signal.SIGKILL)
        self._starting = threading.Thread(target=server.ensure_started, args=(self._home,))
        self._starting.start()
        return True

    @property
    def missed(self) -> int:
        """Of each event one where the server was not killed before, and one where it was not after."""
        return sum(len(self._seen - met) for met in self._met.values())


def _server(scenario: Scenario, _when: str, apart: int) -> tuple[int, int]:
    counted = scenario.folder / "count"

    def drive() -> None:
        kills = ServerKills(apart)
        scenario.drive("engine 1", kills, lease=_LONG_LEASE)
        counted.write_text(f"{kills.kills} {kills.missed}")

    ended = in_a_process(drive)
    server.ensure_started(Path(os.environ["LATEWOOD_TEST_SERVER"]))
    kills, missed = map(int, counted.read_text().split()) if ended == FINISHED else (0, 0)
    return (BROKEN if missed and not apart else CRASHED if kills else ended), kills


# ── many of them ──────────────────────────────────────────────────────────────────────────────────────


def sweep(root: Path, loaded: Loaded, projects: Iterable[str]) -> None:
    """A few kills at a time."""
    running: dict[int, str] = {}
    waiting = list(reversed(list(projects)))
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            project = waiting.pop()
            child = os.fork()
            if child == 0:
                with suppress(LogError):
                    ended, effects = kill_of(root, loaded, project)
                    tell({"project": project, "ended": ended, "effects": effects})
                os._exit(0)
            running[child] = project
        running.pop(os.wait()[0])


def main() -> None:
    root, what = Path(sys.argv[1]), sys.argv[2]
    root.mkdir(exist_ok=True)
    loaded = load_file(Path(__file__).with_name("engine_flow.py"), root=Path(__file__).parent)
    if "-" in what:
        sweep(root, loaded, [what])
        return
    stride = int(sys.argv[3])
    if what == "server":
        for apart in range(3):  # one after the other: there is one server
            sweep(root, loaded, [f"server-both-{apart}"])
        return
    project = f"{what}-never-0"
    scenario_ended, effects = kill_of(root, loaded, project)
    tell({"project": project, "ended": scenario_ended, "effects": effects})
    # Of so many effects one is died before and another one after; with a stride of 1 each is died before and after.
    befores = [f"{what}-before-{number}" for number in range(1, effects + 1, stride)]
    afters = [f"{what}-after-{number}" for number in range(1 + stride // 2, effects + 1, stride)]
    sweep(root, loaded, [*befores, *afters])


if __name__ == "__main__":
    main()
