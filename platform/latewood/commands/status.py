"""How all of it is: the database, engines, runs under way, what happens by itself, and the store."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from time import perf_counter
from typing import Final

from latewood.commands.automations import Found, automations_everywhere
from latewood.commands.freshness import overdue_among
from latewood.commands.workspace import Workspace
from latewood.decide.freshness import Judged
from latewood.decide.how_far import WAITING
from latewood.engine.running.presence import ENGINES
from latewood.events import Executor
from latewood.projections.installed import PROJECTIONS
from latewood.projections.notifications import Untold, untold
from latewood.projections.runs import RunRow, unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import (
    append_seconds,
    behind,
    bytes_by_table,
    log_position,
    server_version,
    steps_by_run,
)
from latewood_eventlog.leases import Held, holders_below

_NO_STEPS: Final = {WAITING: 0, "running": 0, "retrying": 0}
"""What is counted also where there is none: a series that comes and goes is none for who watches."""

_SILENT: Final = 1 / 3
"""Part of its lease for which an engine is heard of at least once: it looks each second, however long that is."""

_RUNS: Final = "run/"
_FREE_MIN: Final = 0.02
"""Part of the store's disk that should be free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSeen:
    """An engine that serves the project, since when, how many of its runs it drives, how long it is unheard of.

    One that is `silent` was not heard of for a third of its lease: it hangs or is gone, which is certain only when that
    ends.
    """

    name: str
    since: datetime
    runs: int
    unheard_s: float
    silent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """Something that happens by itself: when it was last looked at with a result, and what was wrong with it then.

    Of a policy of freshness what is `overdue` now.
    """

    environment: str
    name: str
    is_on: bool
    at: datetime | None
    problem: str
    overdue: tuple[Judged, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Bytes of the disk that the artifact store is on."""

    free: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is under way: engines, runs that have not ended by status, their steps by status, and how the log keeps up.

    `append_s` are the median and the 95th percentile of seconds from a fact to its place in the log, of the latest;
    `behind` is by how many events each projection lags, `untold` what people were not told that they were to be.
    """

    position: int
    engines: tuple[EngineSeen, ...]
    runs: Mapping[str, int]
    steps: Mapping[str, int]
    leases: int
    append_s: tuple[float, float] | None
    behind: Mapping[str, int]
    untold: tuple[Untold, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All of it at one moment. `latency_s` is one question to the database and its answer."""

    version: str
    database_bytes: int
    latency_s: float
    load: Load
    automations: tuple[Evaluated, ...]
    store: Disk | None
    problems: tuple[str, ...] = ()


def load_of(workspace: Workspace) -> Load:
    """What is under way in the project. Raises DatabaseUnreachable. Cost: O(steps of unfinished runs) in the server."""
    project = workspace.project
    leases = holders_below(workspace.log.engine, project, "")
    with snapshot(workspace.log) as connection:
        rows = [row for executor in Executor for row in unfinished_runs(connection, project, executor)]
        return Load(
            position=log_position(connection),
            engines=tuple(_engines(leases)),
            runs=_by_status(rows),
            steps=_NO_STEPS | sum(steps_by_run(connection, project).values(), Counter()),
            leases=len(leases),
            append_s=append_seconds(connection, project),
            behind=behind(connection, [found.name for found in PROJECTIONS if not found.inline]),
            untold=tuple(untold(connection, project)),
        )


def _engines(leases: Sequence[Held]) -> Iterator[EngineSeen]:
    holders = [held.holder for held in leases if held.name.startswith(_RUNS)]
    for held in leases:
        if held.name.startswith(ENGINES):
            name = held.name.removeprefix(ENGINES)
            yield EngineSeen(
                name=name,
                since=held.since,
                runs=holders.count(name),
                unheard_s=held.unheard_s,
                silent=held.unheard_s > held.lasts_s * _SILENT,
            )


def _by_status(rows: list[RunRow]) -> dict[str, int]:
    counts = {"queued": 0, "running": 0}
    for row in rows:
        counts[row.status] = counts.get(row.status, 0) + 1
    return counts


def overview_of(workspace: Workspace) -> Overview:
    """How all of it is, and what somebody should see to. Raises DatabaseUnreachable."""
    begun = perf_counter()
    workspace.log.position()
    latency = perf_counter() - begun
    with snapshot(workspace.log) as connection:
        version, bytes_ = server_version(connection), sum(bytes_by_table(connection).values())
    found = Overview(
        version=version,
        database_bytes=bytes_,
        latency_s=latency,
        load=load_of(workspace),
        automations=tuple(_evaluated(workspace)),
        store=_disk(workspace),
    )
    return replace(found, problems=tuple(_problems(found)))


def _evaluated(workspace: Workspace) -> Iterator[Evaluated]:
    everything: list[Found] = automations_everywhere(workspace)
    positions = [found.standing.position for found in everything if found.standing.position is not None]
    at = {event.position: event.occurred_at for event in workspace.log.read_positions(positions)}
    by_environment = {name: list(found) for name, found in groupby(everything, key=lambda found: found.environment)}
    overdue = {
        name: overdue_among(replace(workspace, environment=name), found) for name, found in by_environment.items()
    }
    for found in everything:
        standing = found.standing
        yield Evaluated(
            environment=found.environment,
            name=found.name,
            is_on=found.is_on,
            at=None if standing.position is None else at[standing.position],
            problem=standing.problem or "",
            overdue=overdue[found.environment].get(found.slot, ()),
        )


def _disk(workspace: Workspace) -> Disk | None:
    """The disk of the store, or of the folder that it would be made in; None where that cannot be told."""
    folder = workspace.store.directory
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with suppress(OSError):
        usage = shutil.disk_usage(folder)
        return Disk(free=usage.free, total=usage.total)
    return None


def _problems(found: Overview) -> Iterator[str]:
    """What somebody should see to, a line each."""
    waiting = found.load.runs.get("queued", 0)
    if waiting and not found.load.engines:
        runs = "1 run is" if waiting == 1 else f"{waiting:,} runs are"
        yield f"{runs} queued, and no engine is running: start one, `latewood engine`"
    if found.load.engines and all(each.silent for each in found.load.engines):
        for engine in found.load.engines:
            ago = f"{engine.unheard_s:.0f} s ago"
            yield f"engine {engine.name} was last heard of {ago}: if it is gone, start another one, `latewood engine`"
    for each in found.automations:
        if each.is_on and each.problem:
            yield f"{each.name} in {each.environment}: {' '.join(each.problem.split())}"
        if each.overdue:
            first, others = each.overdue[0], len(each.overdue) - 1
            more = f"; so {'is 1 other' if others == 1 else f'are {others:,} others'}" if others else ""
            yield f"{first.asset} in {each.environment} is overdue by {each.name}: {first.why}{more}"
    for told in found.load.untold:
        if told.problem:
            counts = [(told.waiting, "waiting"), (told.given_up, "given up")]
            said = " and ".join(f"{count:,} {status}" for count, status in counts if count)
            yield f"notify {told.name} in {told.environment}: {said}; {told.problem}"
    if found.store is not None and found.store.free < found.store.total * _FREE_MIN:
        yield "the disk of the artifact store is nearly full"
    for name, events in found.load.behind.items():
        if events:
            yield f"projection {name} is {events:,} events behind"
