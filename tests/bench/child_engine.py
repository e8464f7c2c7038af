"""Asks engines for runs, in a process of its own, and waits for them. Prints one JSON line."""

import json
import sys
import time
from pathlib import Path

from sqlalchemy import text

from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.workspace import Workspace, open_workspace
from latewood.engine.loading.loader import load_file
from latewood.model.keys import RunId
from latewood.projections.snapshots import snapshot
from latewood.serving.opening import opened
from latewood.serving.requesting import request

_STARTED = "SELECT min(occurred_at) FROM events WHERE stream = :stream AND type = 'step.started'"
_ENDED = "SELECT ended_at FROM runs WHERE run = :run AND ended_position IS NOT NULL"


def main(what: str, file: Path, count: int) -> None:
    workspace = open_workspace()
    loaded = load_file(file, root=file.parent)

    def ask(**asked: str) -> RunId:
        return request(workspace, prepare(workspace, loaded, Asked(selection="*", **asked))).run

    match what:
        case "latency":
            found: dict[str, list[float]] = {"asked_ms": [], "started_ms": [], "visible_ms": []}
            for _ in range(count):
                begun = time.time()
                run = ask()
                found["asked_ms"].append((time.time() - begun) * 1e3)
                wait(workspace, run)
                found["visible_ms"].append((time.time() - begun) * 1e3)
                with snapshot(workspace.log) as connection:
                    started = connection.execute(text(_STARTED), {"stream": f"run/{run}"}).scalar()
                found["started_ms"].append((started.timestamp() - begun) * 1e3)
            print(json.dumps(found))
        case "backfill":
            wait(workspace, ask(partition="2000-01-01"))
            last = "2002-09-26"
            begun = time.perf_counter()
            wait(workspace, ask(partition=f"2000-01-01..{last}"))
            print(json.dumps({"seconds": time.perf_counter() - begun}))
        case "run":
            run = ask()
            begun = time.perf_counter()
            wait(workspace, run)
            print(json.dumps({"seconds": time.perf_counter() - begun}))
        case "asked":
            begun = time.perf_counter()
            run = ask()
            asked_s = time.perf_counter() - begun
            begun = time.perf_counter()
            plan = opened(workspace, run)
            assert plan is not None
            assert plan.plan.length == count, plan.plan.length
            print(json.dumps({"asked_s": asked_s, "planned_s": time.perf_counter() - begun}))
        case "queue":
            for _ in range(count):
                ask()
            print(json.dumps({}))
        case "wait":
            while True:
                with snapshot(workspace.log) as connection:
                    if connection.execute(text("SELECT count(ended_position) FROM runs")).scalar() >= count:
                        break
                time.sleep(0.05)
            print(json.dumps({}))


def wait(workspace: Workspace, run: RunId) -> None:
    """Until the run's end can be read."""
    while True:
        with snapshot(workspace.log) as connection:
            if connection.execute(text(_ENDED), {"run": run}).scalar() is not None:
                return
        time.sleep(0.002)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
