"""Engines that are killed at each of their effects while jobs run in another system, and an engine that goes on.

    python job_sweep.py FOLDER STRIDE               each STRIDE-th effect, and the first of each kind
    python job_sweep.py FOLDER WHEN[-KIND]-EFFECT   one of them again

The database's URL is in LATEWOOD_DATABASE_URL. An effect is a transaction that wrote, a commit of artifacts, a call
handed to a worker, and whatever a connector is asked, of which there are KINDS; the engine ends before or after it.
Each kill has a project, and a system that runs its jobs, of its own, in FOLDER/jobs/PROJECT; that one shows a job a
while after it was submitted.
"""

import faulthandler
import os
import shutil
import sys
import threading
import time
from pathlib import Path

import counted_worker
from counted_worker import FATAL
from effects import BROKEN, CRASHED, FINISHED, Effects, tell
from engine_sweep import LEASE, database_url, workspace_of
from forked_workers import ForkedWorkers, forks_of_here
from job_flow import PROMPT
from sqlalchemy import text
from sweep import in_a_process

from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.commands.runs import run_named
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.loader import load_file
from latewood.engine.running import worker_process
from latewood.engine.running.connected import Connections
from latewood.engine.running.pool import Pool
from latewood.model.keys import RunId
from latewood.serving.engine import Engine
from latewood.serving.requesting import CANCELLATIONS, cancel, request
from latewood.testing.jobs import serving
from latewood_eventlog.database import connect

_AT_ONCE = 3
_LONGEST_S = 60
_APPEARS_AFTER_S = 0.15
NEVER = Effects("never", 0)
KINDS = ("ToSubmit", "ToPoll", "ToRead", "ToCancel", "ToFetch")

CONFIGURED = """
[connectors.local]
factory = "latewood.testing.jobs:connect"
folder = {env = "LATEWOOD_TEST_JOBS"}

[connectors.other]
factory = "latewood.testing.jobs:connect"
folder = {env = "LATEWOOD_TEST_JOBS"}
"""


def drive(
    root: Path, project: str, runs: tuple[RunId, RunId], actor: str, effects: Effects, kinds: dict[str, Effects]
) -> None:
    """Serve until both have ended; cancel the endless one as soon as a step of it has begun.

    Of `kinds` of what connectors are asked those are the effects.
    """
    faulthandler.dump_traceback_later(_LONGEST_S, exit=True)
    os.environ[FATAL] = f"never 0 {root / 'jobs' / project / 'effects'}"
    worker_process.subprocess = ForkedWorkers(forks_of_here(counted_worker.main))
    workspace = workspace_of(root, project, actor, effects)
    Pool.submit = _one(Pool.submit, effects)
    Connections.ask = _one(_each(Connections.ask, kinds, lambda act: type(act).__name__), effects)
    Connections.poll_many = _one(_each(Connections.poll_many, kinds, lambda _: "ToPoll"), effects)
    engine = Engine(workspace, slots=2, lease=LEASE, name=actor)
    watching = threading.Thread(target=_until_over, args=(root, project, runs, engine))
    watching.start()
    engine.serve()
    watching.join()


def _until_over(root: Path, project: str, runs: tuple[RunId, RunId], engine: Engine) -> None:
    workspace = workspace_of(root, project, "operator", NEVER)
    _, endless = runs
    is_cancelled = False
    while any(run_named(workspace, run).ended_position is None for run in runs):
        if not is_cancelled:
            begun = any(event.type == "step.started" for event in workspace.log.read(project, f"run/{endless}"))
            is_cancelled = bool(workspace.log.read(project, CANCELLATIONS))
            if begun and not is_cancelled:
                cancel(workspace, run_named(workspace, endless))
        time.sleep(0.05)
    engine.drain()


def _one(act, effects):
    def counted(*given):
        with effects.one():
            return act(*given)

    return counted


def _each(act, kinds, kind_of):
    def counted(*given):
        with kinds.get(kind_of(given[-1]), NEVER).one():
            return act(*given)

    return counted


def kill(root: Path, loaded: Loaded, project: str) -> tuple[int, int]:
    """How it ended, and the number of effects; FINISHED if there was nothing to kill at."""
    when, *kind, fatal = project.split("-")
    folder = root / "jobs" / project
    os.environ["LATEWOOD_TEST_JOBS"] = str(folder)
    workspace = workspace_of(root, project, "operator", NEVER)
    set_pool(workspace, "narrow", 1)
    runs = tuple(
        request(workspace, prepare(workspace, loaded, Asked(selection=selection))).run
        for selection in (PROMPT, "endless")
    )
    workspace.log.engine.dispose()
    effects = Effects(when, 0 if kind else int(fatal))
    kinds = {name: Effects(when, int(fatal)) for name in kind}

    def first() -> None:
        drive(root, project, runs, "engine 1", effects, kinds)
        (folder / "count").write_text(str(effects.count))

    with serving(folder, appears_after_s=_APPEARS_AFTER_S):
        ended = in_a_process(first)
        if ended != CRASHED:
            return ended, int((folder / "count").read_text()) if ended == FINISHED else 0
        database = connect(database_url(), role="engine")
        with database.begin() as connection:
            connection.execute(text("UPDATE leases SET expires_at = now() WHERE project = :p"), {"p": project})
        database.dispose()
        again = in_a_process(lambda: drive(root, project, runs, "engine 2", NEVER, {}))
    return CRASHED if again == FINISHED else BROKEN, 0


def sweep(root: Path, loaded: Loaded, projects: list[str]) -> None:
    """A few kills at a time."""
    running, waiting = set(), list(reversed(projects))
    while waiting or running:
        while waiting and len(running) < _AT_ONCE:
            project = waiting.pop()
            child = os.fork()
            if child == 0:
                ended, effects = kill(root, loaded, project)
                tell({"project": project, "ended": ended, "effects": effects})
                os._exit(0)
            running.add(child)
        running.discard(os.wait()[0])


def main() -> None:
    root, what = Path(sys.argv[1]), sys.argv[2]
    code = root / "code"
    code.mkdir(parents=True, exist_ok=True)
    (code / "latewood.toml").write_text(CONFIGURED)
    os.chdir(code)  # where the engines find what configures the connector
    loaded = load_file(Path(shutil.copy(Path(__file__).with_name("job_flow.py"), code)), root=code)
    if "-" in what:
        sweep(root, loaded, [what])
        return
    stride = int(what)
    ended, effects = kill(root, loaded, "never-0")
    tell({"project": "never-0", "ended": ended, "effects": effects})
    befores = [f"before-{number}" for number in range(1, effects + 1, stride)]
    afters = [f"after-{number}" for number in range(1 + stride // 2, effects + 1, stride)]
    kinds = [f"{when}-{kind}-1" for kind in KINDS for when in ("before", "after")]
    sweep(root, loaded, [*befores, *afters, *kinds])


if __name__ == "__main__":
    main()
