"""The lease by which one process drives a run: kept while it does; runs are ended whose process died."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from latewood.commands.workspace import Workspace, append_of
from latewood.engine.running.live_logs import forget_jobs
from latewood.events import Executor, RunEnded, RunStatus
from latewood.model.keys import RunId
from latewood.projections.runs import unfinished_runs
from latewood.projections.snapshots import snapshot
from latewood_eventlog.errors import DatabaseUnreachable, EventConflict, LeaseLost, LogError
from latewood_eventlog.leases import Lease, acquire, held, release, renew
from latewood_eventlog.records import Batch

LEASE_DURATION: Final = timedelta(seconds=30)


@contextmanager
def driving(workspace: Workspace, run: RunId) -> Iterator[Lease]:
    """The lease of a new run, renewed until the block ends; a block that cannot go on ends the run as interrupted."""
    lease = _acquired(workspace, run)
    assert lease is not None, "a new run's lease is free"
    with _kept(workspace, lease), _closed(workspace, run, lease):
        yield lease


def close_interrupted(workspace: Workspace) -> tuple[RunId, ...]:
    """End the runs whose process died: they are unfinished and nobody holds their lease. Which ones.

    What engines drive is not ended: another one goes on with it.
    """
    log = workspace.log
    with snapshot(log) as connection:
        unfinished = [row.run for row in unfinished_runs(connection, workspace.project, Executor.INLINE)]
    if not unfinished:
        return ()
    alive = held(log.engine, workspace.project, [f"run/{run}" for run in unfinished])
    closed = []
    for run in unfinished:
        if f"run/{run}" in alive:
            continue
        # Taking the lease fences a process that was only slow: its next append is refused.
        lease = _acquired(workspace, run)
        if lease is None:
            continue
        _end_interrupted(workspace, run, lease)
        release(log.engine, lease)
        closed.append(run)
    return tuple(closed)


def _acquired(workspace: Workspace, run: RunId) -> Lease | None:
    log, stream = workspace.log, f"run/{run}"
    return acquire(log.engine, workspace.project, stream, holder=workspace.actor, duration=LEASE_DURATION)


def _end_interrupted(workspace: Workspace, run: RunId, lease: Lease) -> None:
    fact = RunEnded(run=run, status=RunStatus.INTERRUPTED)
    append = append_of(workspace, fact, stream=f"run/{run}", name=("ended",))
    with suppress(EventConflict):  # it came to its own end a moment ago
        workspace.log.append(Batch(appends=(append,), fence=lease.fence))
    forget_jobs(workspace.store, run)  # what was brought here of them


@contextmanager
def _closed(workspace: Workspace, run: RunId, lease: Lease) -> Iterator[None]:
    """End the run as interrupted when the block cannot go on. Where the log refuses even that, the next run does it."""
    try:
        yield
    except BaseException:
        with suppress(LogError):
            if workspace.log.version(workspace.project, f"run/{run}"):
                _end_interrupted(workspace, run, lease)
        raise


@contextmanager
def _kept(workspace: Workspace, lease: Lease) -> Iterator[None]:
    """Renew the lease until the block ends, then give it back.

    A renewal that fails is no error here: the appends carry the lease's epoch and are refused if it was lost.
    """
    over = threading.Event()

    def keep() -> None:
        while not over.wait(LEASE_DURATION.total_seconds() / 3):
            try:
                renew(workspace.log.engine, lease, duration=LEASE_DURATION)
            except LeaseLost:
                return
            except LogError:
                continue  # the server is away; it may be back before the lease ends

    keeper = threading.Thread(target=keep, name="latewood-lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()
        with suppress(DatabaseUnreachable):  # then the lease ends by itself
            release(workspace.log.engine, lease)
