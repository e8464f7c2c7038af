"""Two engines drive backfills of 200 partitions while somebody kills, stops and restarts whatever there is.

    python engine_soak.py FOLDER SECONDS SEED        what becomes of it; prints the number of backfills
    python engine_soak.py serve FOLDER NAME          one engine

The database's URL is in LATEWOOD_DATABASE_URL, the home of its server in LATEWOOD_TEST_SERVER. Prints one JSON line for
each thing that is done to them: the same seed has the same schedule.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from effects import Effects
from engine_sweep import LEASE, workspace_of

from latewood.commands.materializing import prepare
from latewood.commands.planning import Asked
from latewood.commands.pools import set_pool
from latewood.commands.runs import run_named
from latewood.engine.loading.loader import load_file
from latewood.engine.running.run_log import patiently
from latewood.serving.engine import Engine
from latewood.serving.requesting import request
from latewood_eventlog import server

PROJECT = "soak"
PARTS = 200
_ENGINES = 2
_LAST_S = 180
"""How long the last backfill may take once nobody does anything to its engines any more."""

ACTS = {"kill": 5, "stop": 2, "kill worker": 3, "stop server": 1, "kill server": 1}
"""What is done, and how often in comparison."""

LONG = ("stop long", "stop server long")
"""What is done once before, for half a minute each."""
_LONG_S = 30


def serve(root: Path, name: str) -> None:
    folder = root / "outside" / PROJECT
    os.environ["LATEWOOD_TEST_FOLDER"] = str(folder)
    workspace = workspace_of(root, PROJECT, name, Effects("never", 0))
    engine = Engine(workspace, slots=2, lease=LEASE, name=name)
    signal.signal(signal.SIGTERM, lambda *_: engine.drain())
    engine.serve()


class Engines:
    """Those that are there, each in a process group of its own; who has died is followed by another one."""

    def __init__(self, root: Path, luck: random.Random) -> None:
        self._root = root
        self._luck = luck
        self._home = Path(os.environ["LATEWOOD_TEST_SERVER"])
        self._processes: list[subprocess.Popen[bytes]] = []
        self._number = 0
        self._continues: list[tuple[float, int]] = []
        self._first = list(LONG)

    def keep(self) -> None:
        """Start as many as have died, and let those go on whose time has come."""
        self._processes = [process for process in self._processes if process.poll() is None]
        while len(self._processes) < _ENGINES:
            self._number += 1
            command = [sys.executable, __file__, "serve", self._root, f"engine {self._number}"]
            self._processes.append(subprocess.Popen(command, process_group=0))
        now = time.monotonic()
        for at, pid in [each for each in self._continues if each[0] <= now]:
            self._continues.remove((at, pid))
            self._signal(pid, signal.SIGCONT)

    def disturb(self) -> float:
        """Do one thing to one of them. For so many seconds nothing else is to be done then."""
        act = self._first.pop(0) if self._first else self._luck.choices(list(ACTS), list(ACTS.values()))[0]
        process, share = self._luck.choice(self._processes), self._luck.random()
        print(json.dumps({"at": round(time.monotonic() - BEGUN, 1), "act": act, "to": process.pid}), flush=True)
        match act:
            case "kill":
                self._signal(process.pid, signal.SIGKILL)
            case "stop" | "stop long":
                seconds = _LONG_S if act == "stop long" else LEASE.total_seconds() * (0.5 + 2 * share)
                self._signal(process.pid, signal.SIGSTOP)
                self._continues.append((time.monotonic() + seconds, process.pid))
            case "kill worker":
                workers = _children(process.pid)
                if workers:
                    self._signal(workers[int(share * len(workers))], signal.SIGKILL)
            case "stop server" | "stop server long" | "kill server":
                found = server.status(self._home)
                if isinstance(found, server.Running):
                    os.kill(found.pid, signal.SIGKILL if act == "kill server" else signal.SIGQUIT)
                time.sleep(_LONG_S if act == "stop server long" else 2 * share)
                server.ensure_started(self._home)
        return _LONG_S + 1 if act == "stop long" else self._luck.uniform(0.3, 5)

    def calm(self) -> None:
        """Let all go on."""
        self._continues = [(0.0, pid) for _, pid in self._continues]
        self.keep()

    def drain(self) -> None:
        """Let all end by themselves."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(60)

    def close(self) -> None:
        """Whatever became of it, none is left."""
        for process in self._processes:
            self._signal(process.pid, signal.SIGKILL)
            process.wait()

    @staticmethod
    def _signal(pid: int, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(pid, number)


def _children(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return sorted(int(line) for line in listed.stdout.split())


def soak(root: Path, seconds: float, seed: int) -> int:
    """How many backfills have ended."""
    luck = random.Random(seed)
    (root / "outside" / PROJECT).mkdir(parents=True)
    workspace = workspace_of(root, PROJECT, "operator", Effects("never", 0))
    loaded = load_file(Path(__file__).with_name("soak_flow.py"), root=Path(__file__).parent)
    set_pool(workspace, "narrow", 2)
    engines, end, backfills, run = Engines(root, luck), BEGUN + seconds, 0, None
    disturbed = time.monotonic()
    try:
        while run is not None or time.monotonic() < end:
            if run is None:
                asked = Asked(selection="*", partition=f"p{backfills * PARTS:05}..p{backfills * PARTS + PARTS - 1:05}")
                run = patiently(lambda asked=asked: request(workspace, prepare(workspace, loaded, asked))).run
            engines.keep()
            if time.monotonic() < end:
                if time.monotonic() >= disturbed:
                    disturbed = time.monotonic() + engines.disturb()
            else:
                engines.calm()
                assert time.monotonic() < end + _LAST_S, f"run {run} does not end"
            time.sleep(0.1)
            if patiently(lambda run=run: run_named(workspace, run)).ended_position is not None:
                run, backfills = None, backfills + 1
        engines.calm()
        engines.drain()
    finally:
        engines.close()
    return backfills


BEGUN = time.monotonic()


def main() -> None:
    if sys.argv[1] == "serve":
        serve(Path(sys.argv[2]), sys.argv[3])
    else:
        backfills = soak(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
        print(json.dumps({"backfills": backfills}), flush=True)


if __name__ == "__main__":
    main()
