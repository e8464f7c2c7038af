"""Collecting: removing the artifacts that nothing reaches, recorded before any file goes; and unused caches."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from latewood.commands.holding import ATTEMPTS, OVERTAKEN, Basis, append_decided
from latewood.commands.workspace import Workspace
from latewood.decide.garbage import Garbage, Stored, garbage
from latewood.engine.running.recorder import new_event
from latewood.engine.storage.caches import cached, remove_unused
from latewood.engine.storage.sweeping import alone, remove, run_of, stored
from latewood.errors import UsageError
from latewood.events import ArtifactsCollected, Executor
from latewood.projections.artifacts import recorded_artifacts
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import log_position
from latewood_eventlog.records import Position, StreamAppend

_ARTIFACTS_MAX: Final = 500
"""Addresses in one event: well under its limit."""

_STREAM: Final = "store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What may go, as of a position; what anything reached after `since` stays."""

    garbage: Garbage
    since: Position
    position: Position


def uncollected(workspace: Workspace, *, older_than: timedelta) -> Decided:
    """What collecting would remove. Cost: O(versions + files)."""
    now = workspace.clock()
    since = workspace.log.position_at(now - older_than)
    files = list(stored(workspace.store))  # before the log: what is recorded meanwhile is found there
    with snapshot(workspace.log) as connection:
        left = unfinished_runs(connection, workspace.project, Executor.PROCESSES)
        going_on = {row.run for row in left}
        files = [file for file in files if run_of(file) not in going_on]
        since = min([since, *(row.requested_position for row in left[:1])])  # whoever takes that up reads what it made
        recorded = recorded_artifacts(connection, workspace.project, since)
        return Decided(garbage=garbage(files, recorded, now), since=since, position=log_position(connection))


def collect(workspace: Workspace, *, older_than: timedelta) -> Decided:
    """Record that these artifacts are gone, then remove them; what was removed.

    What stays: heads of every environment, whatever was head or made in the last `older_than`, or since a run was asked
    for that engines have not ended, and what is no value: printed output, and sources and lock files but for those of
    tasks that other projects took back. A process that dies in between leaves files that nothing promises; the next one
    removes them. Raises UsageError while the store is in use, StoreError for what cannot be removed.
    """
    with alone(workspace.store):
        for _ in range(ATTEMPTS):
            found = uncollected(workspace, older_than=older_than)
            try:
                _record(workspace, found)
            except OVERTAKEN:
                continue
            for file in (*found.garbage.versions, *found.garbage.left_over, *found.garbage.unrecorded):
                remove(workspace.store, file)
            return found
    raise UsageError(f"others moved heads in each of {ATTEMPTS} attempts; nothing was removed, try again")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """Folders of code and environments that may go, and those that stay: all of them while any is `in_use`."""

    unused: tuple[Stored, ...]
    kept: tuple[Stored, ...]
    in_use: bool = False


def unused_caches(workspace: Workspace, home: Path, *, older_than: timedelta) -> Caches:
    """What of the home can be made again and nobody used for so long. Cost: a look at each file."""
    before = workspace.clock() - older_than
    found = cached(home)
    return Caches(
        unused=tuple(folder for folder in found if folder.written_at < before),
        kept=tuple(folder for folder in found if folder.written_at >= before),
    )


def collect_caches(workspace: Workspace, home: Path, *, older_than: timedelta) -> Caches:
    """Remove those. Nothing while any is in use: what a worker imports late is not known. Raises StoreError."""
    removed = remove_unused(home, workspace.clock() - older_than)
    return Caches(unused=tuple(removed or ()), kept=tuple(cached(home)), in_use=removed is None)


def _record(workspace: Workspace, found: Decided) -> None:
    events = tuple(
        new_event(
            ArtifactsCollected(artifacts=tuple(file.name for file in part), since=found.since),
            project=workspace.project,
            stream=_STREAM,
            name=(found.position, number),
            at=workspace.clock(),
            actor=workspace.actor,
        )
        for number, part in enumerate(_parts(found.garbage.versions))
    )
    if events:
        append = StreamAppend(project=workspace.project, stream=_STREAM, events=events)
        append_decided(workspace, append, Basis(position=found.position))


def _parts(files: tuple[Stored, ...]) -> list[tuple[Stored, ...]]:
    return [files[start : start + _ARTIFACTS_MAX] for start in range(0, len(files), _ARTIFACTS_MAX)]
