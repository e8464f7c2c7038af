"""Appends: batches of a thousand by one writer, and single events by eight threads or eight processes."""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from multiprocessing.synchronize import Barrier
from typing import Final

from bench_server import Bench, quiet

from latewood.decide.keys import digest, reuse_key
from latewood.engine.running.recorder import new_event
from latewood.events import Event, InputRead, OutputMade, StepStarted, StepSucceeded
from latewood.model.keys import UNPARTITIONED, AssetId, RunId, version_id
from latewood.projections.installed import PROJECTIONS, UPCASTERS
from latewood_eventlog.database import DatabaseUrl, connect
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.log import EventLog
from latewood_eventlog.projector import Projection
from latewood_eventlog.records import Batch, NewEvent, StreamAppend

BATCH: Final = 1_000
WRITERS: Final = 8

_BATCHES: Final = 20
_THREAD_EVENTS: Final = 1_000
_PROCESS_EVENTS: Final = 150
_PROJECT: Final = "default"
_AT: Final = datetime(2026, 1, 1, tzinfo=UTC)


def batches(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """20 batches of 1,000 events, each one run of 500 steps, encoded before the clock starts; events per second."""
    for _ in range(repetitions):
        yield {"batches-log": _batched(bench, ()), "batches-projected": _batched(bench, PROJECTIONS)}


def singles(bench: Bench, repetitions: int) -> Iterator[dict[str, float]]:
    """Appends of one event each that wait for their commit, log alone; events per second of all writers together."""
    for _ in range(repetitions):
        yield {
            "singles-threads": _by_threads(bench, ()),
            "singles-processes": _by_processes(bench),
            "singles-threads: with all inline projections": _by_threads(bench, PROJECTIONS),
        }


def steps_of_run(number: int, steps: int) -> list[NewEvent]:
    """What a run of trivial assets tells: started and succeeded of each step, each asset reading the one before."""
    run = RunId(f"bench{number:07}")
    events = []
    for step in range(steps):
        started, succeeded = _step(run, number * steps + step, step)
        events.append(_event(started, run, ("started", step, 1)))
        events.append(_event(succeeded, run, ("succeeded", step)))
    return events


def _step(run: RunId, asset: int, step: int) -> tuple[StepStarted, StepSucceeded]:
    id_, above = (AssetId(digest(f"asset {n}")[:12]) for n in (asset, asset - 1))
    code, inputs = digest(f"code {asset}"), digest(f"inputs {asset}")
    logic = digest("logic", code)
    key = reuse_key(logic, inputs, UNPARTITIONED)
    content = sha256(str(asset).encode()).hexdigest()
    read = InputRead(asset=above, data_version=f"json1:{content}", versions=version_id(run, max(step - 1, 0)))
    output = OutputMade(
        asset=id_,
        output="result",
        data_version=f"json1:{content}",
        artifact=f"{content}.json",
        size=4,
        accepted=True,
        head=True,
    )
    started = StepStarted(
        run=run,
        step=step,
        attempt=1,
        assets=(id_,),
        task=f"definitions:a{asset:05}",
        code=code,
        logic=logic,
        inputs_digest=inputs,
        reuse_key=key,
        inputs={"above": read},
        reasons=("missing",),
    )
    succeeded = StepSucceeded(
        run=run,
        step=step,
        attempt=1,
        environment="prod",
        code=code,
        logic=logic,
        inputs_digest=inputs,
        outputs=(output,),
        duration_ms=0.0123,
        reuse_key=key,
    )
    return started, succeeded


def _event(fact: Event, run: RunId, name: Sequence[object]) -> NewEvent:
    return new_event(fact, project=_PROJECT, stream=f"run/{run}", name=name, at=_AT, actor="bench")


def _append_of(events: Sequence[NewEvent], stream: str) -> Batch:
    return Batch(appends=(StreamAppend(project=_PROJECT, stream=stream, events=tuple(events)),))


def _batched(bench: Bench, projections: Sequence[Projection]) -> float:
    told = [_append_of(steps_of_run(n, BATCH // 2), f"run/bench{n:07}") for n in range(_BATCHES + 1)]
    with bench.fresh() if projections else bench.fresh_log() as environment:
        log = _log(environment["LATEWOOD_DATABASE_URL"], projections)
        log.append(told[0])  # the first one prepares statements and plans
        quiet()
        seconds = _timed(lambda: [log.append(batch) for batch in told[1:]])
        assert log.position() == (_BATCHES + 1) * BATCH
        log.engine.dispose()
    return _BATCHES * BATCH / seconds


def _by_threads(bench: Bench, projections: Sequence[Projection]) -> float:
    told = [_singles(writer, _THREAD_EVENTS) for writer in range(WRITERS)]
    with bench.fresh() if projections else bench.fresh_log() as environment:
        log = _log(environment["LATEWOOD_DATABASE_URL"], projections)
        with GroupCommit(log) as commits, ThreadPoolExecutor(WRITERS) as pool:
            quiet()

            def write(batches: Sequence[Batch]) -> None:
                for batch in batches:
                    commits.append(batch)

            seconds = _timed(lambda: list(pool.map(write, told)))
        assert log.position() == WRITERS * _THREAD_EVENTS
        log.engine.dispose()
    return WRITERS * _THREAD_EVENTS / seconds


def _by_processes(bench: Bench) -> float:
    context = multiprocessing.get_context("spawn")
    with bench.fresh_log() as environment:
        url = environment["LATEWOOD_DATABASE_URL"]
        start, end = context.Barrier(WRITERS + 1), context.Barrier(WRITERS + 1)
        writers = [context.Process(target=_write_alone, args=(url, n, start, end)) for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        start.wait()
        seconds = _timed(end.wait)
        for writer in writers:
            writer.join()
        log = _log(url, ())
        assert log.position() == WRITERS * (_PROCESS_EVENTS + 1)
        log.engine.dispose()
    return WRITERS * _PROCESS_EVENTS / seconds


def _write_alone(url: str, writer: int, start: Barrier, end: Barrier) -> None:
    """One of the processes: connects and appends once, waits for the others, then appends one event after another."""
    log = _log(url, ())
    first, *told = _singles(writer, _PROCESS_EVENTS + 1)
    log.append(first)
    start.wait()
    for batch in told:
        log.append(batch)
    end.wait()


def _singles(writer: int, events: int) -> list[Batch]:
    stream = f"run/bench{writer:07}"
    return [_append_of([event], stream) for event in steps_of_run(writer, (events + 1) // 2)[:events]]


def _log(url: str, projections: Sequence[Projection]) -> EventLog:
    return EventLog(connect(DatabaseUrl.parse(url), role="engine"), projections, UPCASTERS)


def _timed(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
