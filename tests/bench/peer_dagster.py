"""The same workloads in Dagster, on the same server, for a ratio of one machine at one time.

Runs under another interpreter (LATEWOOD_BENCH_PEER_PYTHON) that has dagster, dagster-postgres and psycopg2, and knows
nothing of Latewood. `peer_dagster.py WORKLOAD DATABASE_URL` prints one JSON line: values by the benchmark's names.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import dagster
import psycopg2
from dagster._core.events import DagsterEvent, StepMaterializationData

INDEPENDENT = 1_000
CHAINED = 100
BATCH = 1_000
BATCHES = 5
SINGLES = 150
LAUNCHED = 4
DAYS = 20

_CONFIGURATION = """
storage:
  postgres:
    postgres_url: "{url}"
telemetry:
  enabled: false
"""

_ONE_ASSET = """from dagster import asset


@asset
def one() -> int:
    return 1
"""


_SERVED = """from dagster import AssetSelection, DailyPartitionsDefinition, Definitions, asset, define_asset_job


@asset
def one() -> int:
    return 1


@asset(partitions_def=DailyPartitionsDefinition("2023-01-01", end_date="2023-01-{end:02}"))
def day() -> int:
    return 1


defs = Definitions(assets=[one, day], jobs=[define_asset_job("one_job", "one"), define_asset_job("days_job", "day")])
"""

_RUNS = """
    SELECT extract(epoch FROM min(e.timestamp) FILTER (WHERE e.dagster_event_type = 'STEP_START') - r.create_timestamp),
        extract(epoch FROM min(e.timestamp) FILTER (WHERE e.dagster_event_type = 'ASSET_MATERIALIZATION')
            - r.create_timestamp)
    FROM runs r JOIN event_logs e USING (run_id) WHERE r.status = 'SUCCESS' GROUP BY r.run_id, r.create_timestamp
    ORDER BY r.create_timestamp
"""


def independent() -> dict[str, float]:
    """1,000 independent assets in one run; milliseconds per asset."""

    def made(number: int):
        @dagster.asset(name=f"i{number:04}")
        def computed() -> int:
            return number

        return computed

    before = _bytes()
    seconds = _materialized([made(number) for number in range(INDEPENDENT)])
    return {"independent": seconds * 1e3 / INDEPENDENT, "storage": (_bytes() - before) / INDEPENDENT}


def chain() -> dict[str, float]:
    """A chain of 100 assets in one run; milliseconds per asset."""

    def made(number: int):
        if number == 0:

            @dagster.asset(name="c000")
            def first() -> int:
                return 0

            return first

        @dagster.asset(name=f"c{number:03}", ins={"above": dagster.AssetIn(f"c{number - 1:03}")})
        def later(above: int) -> int:
            return above + 1

        return later

    return {"chain": _materialized([made(number) for number in range(CHAINED)]) * 1e3 / CHAINED}


def appends() -> dict[str, float]:
    """Events per second of one writer, in batches and one by one."""
    storage = dagster.DagsterInstance.get().event_log_storage
    run = "00000000-0000-4000-8000-000000000000"

    def materialization(number: int):
        data = StepMaterializationData(
            dagster.AssetMaterialization("one", partition=f"p{number}", metadata={"rows": number})
        )
        event = DagsterEvent("ASSET_MATERIALIZATION", "job", step_key="one", event_specific_data=data)
        return dagster.EventLogEntry(
            error_info=None,
            level=10,
            user_message="",
            run_id=run,
            timestamp=time.time(),
            step_key="one",
            job_name="job",
            dagster_event=event,
        )

    storage.store_event_batch([materialization(n) for n in range(BATCH)])
    started = time.perf_counter()
    for batch in range(BATCHES):
        storage.store_event_batch([materialization(batch * BATCH + n) for n in range(BATCH)])
    batched = BATCH * BATCHES / (time.perf_counter() - started)
    started = time.perf_counter()
    for number in range(SINGLES):
        storage.store_event(materialization(number))
    single = SINGLES / (time.perf_counter() - started)
    return {
        "batches-log": batched,
        "batches-projected": batched,
        "singles-threads": single,
        "singles-processes": single,
    }


def version() -> dict[str, float]:
    """`dagster --version`, the second time; seconds."""
    _command("--version")
    return {"version": _command("--version")[0]}


def one_asset() -> dict[str, float]:
    """`dagster asset materialize` of a file with one asset, the second time; seconds, and MB of all its processes."""
    file = Path(os.environ["DAGSTER_HOME"]) / "one.py"
    file.write_text(_ONE_ASSET, encoding="utf-8")
    _command("asset", "materialize", "--select", "*", "-f", str(file))
    seconds, megabytes = _command("asset", "materialize", "--select", "*", "-f", str(file))
    return {"one-asset": seconds, "one-asset-memory": megabytes}


def latency() -> dict[str, float]:
    """From the record of a run to its step's start, and to its materialization, by a daemon that is up; ms, medians.

    The first run, which is slower, is left out; so is what the command takes that asks.
    """
    with _daemon() as file:
        for number in range(1, LAUNCHED + 1):
            _command("job", "launch", "-f", file, "-j", "one_job")
            _wait(lambda so_many=number: len(_rows(_RUNS)) >= so_many)
        started, visible = (map(float, times) for times in zip(*_rows(_RUNS)[1:], strict=True))
    return {"engine-start": median(started) * 1e3, "engine-visible": median(visible) * 1e3}


def backfill() -> dict[str, float]:
    """Partitions of a trivial asset, a run each as they are by default: the seconds that a thousand would take."""
    with _daemon() as file:
        begun = time.perf_counter()
        _command("job", "backfill", "-f", file, "-j", "days_job", "--all", "--noprompt")
        _wait(lambda: len(_rows(_RUNS)) >= DAYS)
        return {"engine-backfill": (time.perf_counter() - begun) / DAYS * 1_000}


@contextmanager
def _daemon() -> Iterator[str]:
    """A daemon that looks at these definitions."""
    file = Path(os.environ["DAGSTER_HOME"]) / "served.py"
    file.write_text(_SERVED.format(end=DAYS + 1), encoding="utf-8")
    told = file.with_suffix(".log")
    with told.open("w") as out:
        program = str(Path(sys.executable).parent / "dagster-daemon")
        process = subprocess.Popen([program, "run", "-f", str(file)], stdout=out, stderr=out)
    try:
        _wait(lambda: "following daemons" in told.read_text())
        yield str(file)
    finally:
        process.terminate()
        process.wait()


def _wait(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not is_so():
        assert time.monotonic() < until, "that never was so"
        time.sleep(0.1)


def _materialized(assets: list) -> float:
    instance = dagster.DagsterInstance.get()
    started = time.perf_counter()
    result = dagster.materialize(assets, instance=instance)
    seconds = time.perf_counter() - started
    assert result.success
    return seconds


def _command(*arguments: str) -> tuple[float, float]:
    """Seconds, and the peak memory of the whole tree in MB, looked at every 20 ms."""
    started = time.perf_counter()
    program = str(Path(sys.executable).parent / "dagster")
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _tree_mb(process.pid))
        time.sleep(0.02)
    assert process.returncode == 0, arguments
    return time.perf_counter() - started, peak


def _tree_mb(root: int) -> float:
    """Resident memory of a process with its descendants; 0 elsewhere than on Linux."""
    parents, resident = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(entry.name)], resident[int(entry.name)] = int(fields[1]), int(fields[21])
    tree, added = {root}, True
    while added:
        more = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= more
        added = bool(more)
    return sum(resident.get(pid, 0) for pid in tree) * os.sysconf("SC_PAGE_SIZE") / 1_048_576


def _bytes() -> int:
    ((size,),) = _rows(
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
    )
    return int(size)


def _rows(query: str) -> list[tuple]:
    with psycopg2.connect(sys.argv[2]) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


WORKLOADS = {f.__name__: f for f in (independent, chain, appends, version, one_asset, latency, backfill)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"DAGSTER_HOME": home, "DAGSTER_DISABLE_TELEMETRY": "1"}
        url = sys.argv[2].replace("postgresql://", "postgresql+psycopg2://")
        (Path(home) / "dagster.yaml").write_text(_CONFIGURATION.format(url=url), encoding="utf-8")
        print(json.dumps(WORKLOADS[sys.argv[1]]()))
