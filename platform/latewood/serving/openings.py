"""Runs that an engine has taken and is opening, each in a thread of its own: the others go on meanwhile.

A plan may be long to read, and an environment may have to be built.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from latewood.commands.by_hand import SetByHand, set_by_hand
from latewood.commands.workspace import Workspace
from latewood.errors import LatewoodError
from latewood.model.keys import RunId
from latewood.serving.crews import RunCrews
from latewood.serving.log_lines import LOG
from latewood.serving.opening import Opened, opened
from latewood.serving.parts import Parts
from latewood_eventlog.errors import DatabaseUnreachable, LogError
from latewood_eventlog.leases import Lease, acquire, release

AT_ONCE: Final = 4
"""Runs that are opened at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A run that can be driven now, under this lease; it knows what was made before the moment `since`."""

    opened: Opened
    lease: Lease
    crews: RunCrews
    since: int


class Openings:
    """Those of one project; `then` hears in the engine's thread of each that can be driven, `over` of each that ended.

    An engine of one run only, which cannot be opened, has why raised in its thread.
    For the engine's thread, but for `leases`.
    """

    def __init__(
        self, workspace: Workspace, parts: Parts, then: Callable[[Taken], None], over: Callable[[], None]
    ) -> None:
        self._workspace = workspace
        self._parts = parts
        self._then = then
        self._over = over
        self._lock = threading.Lock()  # of what is held: it is let go, and comes late, in different threads
        self._leases: dict[RunId, Lease | None] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def __iter__(self) -> Iterator[RunId]:
        return iter(self._leases)

    @property
    def leases(self) -> list[Lease]:
        """What is held for them. From any thread."""
        return [lease for lease in list(self._leases.values()) if lease is not None]

    def begin(self, run: RunId, *, since: int) -> None:
        """Take this run at this moment, unless another engine has."""
        self._leases[run] = None
        threading.Thread(target=self._open, args=(run, since), name=f"latewood-opening-{run}", daemon=True).start()

    def close(self) -> None:
        """They are anybody's again, and nobody hears of them any more."""
        with self._lock:
            leases = self.leases
            self._leases.clear()
        for lease in leases:
            self._give_back(lease)

    def _open(self, run: RunId, since: int) -> None:
        taken: Taken | None = None
        try:
            taken = self._taken(run, since)
        except DatabaseUnreachable as error:
            self._parts.absence.away(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others can be driven
            if self._parts.only is None:
                _tell_of(run, error)
            else:
                self._parts.inbox.put(partial(_raise, error))
        self._parts.inbox.put(lambda: self._has_opened(run, taken))

    def _taken(self, run: RunId, since: int) -> Taken | None:
        workspace = self._workspace
        lease = acquire(
            workspace.log.engine,
            workspace.project,
            f"run/{run}",
            holder=self._parts.name,
            duration=self._parts.lease,
        )
        if lease is None:
            return None
        if not self._is_kept(run, lease):
            self._give_back(lease)
            return None
        found = opened(workspace, run)
        if found is None:
            release(workspace.log.engine, lease)
            return None
        for replaced in set_by_hand(found.workspace, found.plan):  # nobody was asked, where an automation asked for it
            LOG.warning("run %s replaces %s", run, _in_words(replaced), extra={"run": run})
        makes = {asset.key: asset for task in found.plan.tasks for asset in task.node.assets}
        crews = self._parts.crews.of_assets(found.workspace, found.view, makes)
        return Taken(opened=found, lease=lease, crews=crews, since=since)

    def _is_kept(self, run: RunId, lease: Lease) -> bool:
        with self._lock:
            is_wanted = run in self._leases  # else they were closed meanwhile
            if is_wanted:
                self._leases[run] = lease
        return is_wanted

    def _has_opened(self, run: RunId, taken: Taken | None) -> None:
        if run not in self._leases:  # it was closed meanwhile
            return
        del self._leases[run]
        if taken is not None:
            self._then(taken)
        self._over()

    def _give_back(self, lease: Lease) -> None:
        with suppress(LogError):
            release(self._workspace.log.engine, lease)


def _in_words(found: SetByHand) -> str:
    name, moved = f"{found.asset} {found.partitions}".rstrip(), found.moved
    return f"the head of {name} that was set by a {moved.by} by {moved.actor}, event {moved.position:,}"


def _tell_of(run: RunId, error: Exception) -> None:
    match error:
        case LogError():
            LOG.warning("run %s: %s", run, error, extra={"run": run})
        case LatewoodError():
            LOG.error("run %s cannot be driven: %s", run, error, extra={"run": run})
        case _:
            LOG.error("run %s cannot be driven", run, exc_info=error, extra={"run": run})


def _raise(error: Exception) -> NoReturn:
    raise error
