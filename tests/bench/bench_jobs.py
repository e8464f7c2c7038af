"""Jobs in another system: a thousand of them under way at once, and what that costs the engine.

The system is that of `latewood.testing.jobs`, in a process of its own: each job takes from 1 to 5 s there. Ideal is
what a client takes that submits them all, asks for all of them until the last has ended, and does nothing else.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench_engine import _cpu_s, _engine, _own_cpu_s
from bench_server import Bench, quiet, run_python

from latewood.plugin import Job
from latewood.testing import jobs
from latewood.testing.jobs import JobServer, history

JOBS: Final = 1_000

_DEFINED: Final = """
from latewood import Static, asset
from latewood.plugin import runs_on

def took(n):
    return 1 + n * 7919 % 1000 / 250

for n in range({count}):
    @asset(key=f"made_{{n}}")
    @runs_on("local", options={{"seconds": took(n), "values": {{"result": n}}}})
    def made() -> int: ...
    globals()[f"made_{{n}}"] = made
"""


def many(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """From asking for 1,000 jobs to their visible end, against a bare client; the engine's share of one processor."""
    count = JOBS
    folder = bench.home / "definitions"
    folder.mkdir(exist_ok=True)
    file = folder / "jobs.py"
    file.write_text(_DEFINED.format(count=count), encoding="utf-8")
    for repetition in range(repetitions):
        there = bench.home / f"jobs-{repetition}"
        with _serving(there / "bare"):
            ideal = _bare(there / "bare", count)
        configured = f'[connectors.local]\nfactory = "latewood.testing.jobs:connect"\nfolder = "{there / "own"}"\n'
        (folder / "latewood.toml").write_text(configured, encoding="utf-8")
        with bench.fresh() as environment, _serving(there / "own"), _engine(environment, folder) as process:
            quiet()  # what it takes to start is no part of it
            own, all_ = _own_cpu_s(process.pid), _cpu_s(process.pid)
            found = run_python("child_engine.py", "run", file, "1", environment=environment).result()
            own, all_ = _own_cpu_s(process.pid) - own, _cpu_s(process.pid) - all_
        assert len(history(there / "own")) == count
        yield {
            "jobs-ratio": found["seconds"] / ideal,
            "jobs-cpu": own / found["seconds"] * 100,
            "jobs-ratio: s of a bare client": ideal,
            "jobs-cpu: with its workers": all_ / found["seconds"] * 100,
        }


@contextmanager
def _serving(folder: Path) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", jobs.__name__, folder]) as process:
        try:
            while not (folder / "socket").exists():
                time.sleep(0.01)
            yield
        finally:
            process.kill()


def _bare(folder: Path, count: int) -> float:
    client, begun = JobServer(folder), time.perf_counter()
    left = [
        client.submit(
            Job(
                key=f"bare-{n}",
                options={"seconds": 1 + n * 7919 % 1000 / 250, "values": {"result": n}},
                settings={},
                parameters={},
                inputs={},
                outputs={},
                labels={},
            )
        )
        for n in range(count)
    ]
    while left:
        time.sleep(0.05)
        told = client.poll_many(left)
        left = [handle for handle in left if not told[handle].state.is_over]
    return time.perf_counter() - begun
