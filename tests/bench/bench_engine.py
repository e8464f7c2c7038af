"""Engines: how soon what is asked for is made, how fast many steps and runs go by, and what an idle one costs.

The engine is a process of its own with two workers, as `latewood engine --workers 2` starts it, and warm: it has run
the code before. Who asks has its definitions loaded; asking includes planning.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench_server import Bench, run_python

PARTITIONED: Final = 1_000
ASKED: Final = 10_000
QUEUED: Final = 500
_LATENCIES: Final = 30

_ONE: Final = "from latewood import asset\n\n@asset(reuse=False)\ndef one() -> int:\n    return 1\n"
_DAYS: Final = (
    "from latewood import Daily, PartitionKey, asset\n\n"
    '@asset(partitions=Daily("2000-01-01", "2027-05-19"))\n'
    "def day(partition: PartitionKey) -> str:\n    return partition\n"
)
_TEN: Final = "from latewood import asset\n\n" + "\n\n".join(
    f"@asset(reuse=False)\ndef a{n}() -> int:\n    return {n}\n" for n in range(10)
)


def latency(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """From asking for one trivial asset to its first step's start, and to its visible end; milliseconds, medians."""
    file = _file(bench, "one.py", _ONE)
    for _ in range(repetitions):
        with bench.fresh() as environment, _engine(environment):
            found = run_python("child_engine.py", "latency", file, str(_LATENCIES), environment=environment).result()
        yield {
            "engine-start": median(found["started_ms"][3:]),
            "engine-visible": median(found["visible_ms"][3:]),
            "engine-start: asking, planning included": median(found["asked_ms"][3:]),
        }


def backfill(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """1,000 trivial partitions, a step each; and 10,000 that are asked for and planned."""
    file = _file(bench, "days.py", _DAYS)
    for _ in range(repetitions):
        with bench.fresh() as environment, _engine(environment):
            found = run_python("child_engine.py", "backfill", file, str(PARTITIONED), environment=environment).result()
        with bench.fresh() as environment:
            asked = run_python("child_engine.py", "asked", file, str(ASKED), environment=environment).result()
        yield {
            "engine-backfill": found["seconds"],
            "engine-asked": asked["asked_s"],
            "engine-planned": asked["planned_s"],
        }


def queue(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """500 runs of 10 steps that wait when the engine comes: steps per second."""
    file = _file(bench, "ten.py", _TEN)
    for _ in range(repetitions):
        with bench.fresh() as environment:
            run_python("child_engine.py", "queue", file, str(QUEUED), environment=environment)
            begun = time.perf_counter()
            with _engine(environment):
                run_python("child_engine.py", "wait", file, str(QUEUED), environment=environment)
                seconds = time.perf_counter() - begun
        yield {"engine-queue": QUEUED * 10 / seconds}


def idle(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """An engine with two warm workers that has nothing to do: percent of one processor, and MB of all three."""
    file = _file(bench, "ten.py", _TEN)
    for _ in range(min(repetitions, 2)):
        with bench.fresh() as environment, _engine(environment) as process:
            run_python("child_engine.py", "queue", file, "2", environment=environment)
            run_python("child_engine.py", "wait", file, "2", environment=environment)
            before, begun = _cpu_s(process.pid), time.perf_counter()
            time.sleep(10)
            used = (_cpu_s(process.pid) - before) / (time.perf_counter() - begun)
            memory = sum(_rss_mb(pid) for pid in _tree(process.pid))
        yield {"engine-idle": used * 100, "engine-memory": memory}


@contextmanager
def _engine(environment: Mapping[str, str], cwd: Path | None = None) -> Iterator["subprocess.Popen[bytes]"]:
    command = [Path(sys.executable).with_name("latewood"), "engine", "--workers", "2"]
    with subprocess.Popen(command, cwd=cwd, env=os.environ | environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def _file(bench: Bench, name: str, text: str) -> Path:
    folder = bench.home / "definitions"
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    tasks = {int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)}
    return [pid, *(one for child in tasks.union(map(int, children)) for one in _tree(child))]


def _children(task: Path) -> list[str]:
    return (task / "children").read_text(encoding="ascii").split()


def _cpu_s(pid: int) -> float:
    return sum(_own_cpu_s(one) for one in _tree(pid))


def _own_cpu_s(pid: int) -> float:
    fields: list[Any] = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
