"""Telling web addresses what has happened: by one engine at a time, each address by a thread of its own.

What was raised is in the log before it is sent, and that it was sent after: who goes on after a crash sends what nobody
is known to have sent, by the id that it had. So an address may hear a thing twice, and tells that by the id.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import tenacity

from latewood.commands.automations import Found, automations_everywhere, automations_here
from latewood.commands.workspace import Workspace, append_of
from latewood.errors import LatewoodError
from latewood.events import NotificationFailed, NotificationSent
from latewood.model.automations import NotifyDefinition
from latewood.projections.notifications import NotificationRow, waiting_notifications
from latewood.projections.snapshots import snapshot
from latewood.serving.absence import Absence
from latewood.serving.log_lines import LOG
from latewood.serving.lookout import LOOK_S, Growth, looking
from latewood.serving.posting import TIMEOUT_S, NeverTaken, NotTaken, post
from latewood.serving.raising import raise_due, stream_of
from latewood_eventlog.errors import AppendRefused, LeaseLost, LogError
from latewood_eventlog.leases import Lease, acquire, release, renew
from latewood_eventlog.records import Batch, Position

GIVEN_UP_AFTER: Final = timedelta(hours=24)
"""How long it is tried to tell a thing."""

_REFUSED_MAX: Final = 5
"""Tries of a message that the address says it will never take: later ones wait behind it."""

_FIRST_WAIT_S: Final = 5.0
_WAIT_MAX_S: Final = 900.0
"""Between two tries: twice as long each time."""

_WAITING_MAX: Final = 100
"""Notifications of one Notify that are looked at together; later ones follow."""

_LEASE: Final = "notifications"

Slot = tuple[str, str, str]
"""A Notify: environment, location and name."""


class Notifier:
    """Raises and tells, while it has the lease for it. Tests have it wait for less than it does by default."""

    def __init__(
        self,
        workspace: Workspace,
        holder: str,
        stop: threading.Event,
        *,
        lease: timedelta = timedelta(seconds=10),
        first_wait_s: float = _FIRST_WAIT_S,
        timeout_s: float = TIMEOUT_S,
        given_up_after: timedelta = GIVEN_UP_AFTER,
        end: Callable[[], Position] | None = None,
    ) -> None:
        self._workspace = workspace
        self._end = end or workspace.log.position
        self._holder = holder
        self._stop = stop
        self._duration = lease
        self._first_wait_s = first_wait_s
        self._timeout_s = timeout_s
        self._given_up_after = given_up_after
        self._lease: Lease | None = None
        self._renewed = 0.0
        self._seen: Position = -1
        self._found: list[Found] = []
        self._waiting: list[NotificationRow] = []
        self._looked: dict[Slot, Position] = {}
        self._telling: dict[Slot, threading.Thread] = {}

    def look(self) -> datetime | None:
        """Raise what there is to tell since the last time, and have it told; when to look again, though nothing is new.

        Raises LogError.
        """
        # Before it is read what waits: what one of these has told meanwhile is not told again.
        self._telling = {slot: thread for slot, thread in self._telling.items() if thread.is_alive()}
        workspace, end = self._workspace, self._end()
        if self._seen != end:
            everything = automations_everywhere(workspace)
            with snapshot(workspace.log) as connection:
                self._waiting = waiting_notifications(connection, workspace.project, limit=_WAITING_MAX)
            self._found = [found for found in everything if isinstance(found.definition, NotifyDefinition)]
            self._seen = end
        if not (self._found or self._waiting):
            return None
        again = workspace.clock() + timedelta(seconds=LOOK_S)
        if not self._have_lease():
            return again
        assert self._lease is not None, "just taken or renewed"
        for found in self._found:
            if found.is_on and self._looked.get(_slot(found), 0) < end:
                self._raise(found, self._lease)
        by_slot: dict[Slot, list[NotificationRow]] = {}
        for row in self._waiting:
            by_slot.setdefault((row.environment, row.location, row.name), []).append(row)
        for slot, rows in by_slot.items():
            if slot not in self._telling:
                thread = threading.Thread(
                    target=self._tell_all,
                    args=(slot, rows, self._lease),
                    name=f"latewood-notify-{slot[2]}",
                    daemon=True,
                )
                self._telling[slot] = thread
                thread.start()
        return again

    def close(self) -> None:
        """Let others go on. What is being sent at this moment is not waited for."""
        with suppress(LogError):
            if self._lease is not None:
                release(self._workspace.log.engine, self._lease)

    def _have_lease(self) -> bool:
        log, project = self._workspace.log.engine, self._workspace.project
        try:
            if self._lease is None:
                self._lease = acquire(log, project, _LEASE, holder=self._holder, duration=self._duration)
                self._renewed = monotonic()
            elif monotonic() - self._renewed > self._duration.total_seconds() / 3:
                renew(log, self._lease, duration=self._duration)
                self._renewed = monotonic()
        except LeaseLost:
            self._lease = None
        return self._lease is not None

    def _goes_on(self) -> bool:
        return not self._stop.is_set() and self._have_lease()

    def _raise(self, found: Found, lease: Lease) -> None:
        workspace = replace(self._workspace, environment=found.environment)
        try:
            raised = raise_due(workspace, found, self._looked.get(_slot(found), 0), lease.fence, self._goes_on)
        except (AppendRefused, LatewoodError) as error:
            LOG.warning("notify %s: %s", found.name, error)
            return
        self._looked[_slot(found)] = raised.looked
        for each in () if raised.fact is None else raised.fact.notifications:
            LOG.info("notify %s: %s, %s", found.name, each.occasion, ", ".join(each.assets))

    # ── one address ───────────────────────────────────────────────────────────────────────────────────

    def _tell_all(self, slot: Slot, rows: list[NotificationRow], lease: Lease) -> None:
        try:
            for row in rows:
                if self._stop.is_set():
                    return
                self._tell(slot, row, lease)
        except (AppendRefused, LatewoodError, LogError) as error:  # it is found waiting again
            LOG.warning("notify %s: %s", slot[2], error)
            self._stop.wait(self._first_wait_s)
        except Exception:  # noqa: BLE001 - whatever it is
            LOG.exception("notify %s", slot[2])  # the others are told
            self._stop.wait(self._first_wait_s)

    def _tell(self, slot: Slot, row: NotificationRow, lease: Lease) -> None:
        """Send it until it is taken, or too old."""
        until = row.raised_at + self._given_up_after
        said = row.problem
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(NotTaken),
            wait=tenacity.wait_exponential(multiplier=self._first_wait_s, max=_WAIT_MAX_S)
            + tenacity.wait_random(0, self._first_wait_s),
            stop=tenacity.stop_when_event_set(self._stop),
            sleep=tenacity.sleep_using_event(self._stop),
            reraise=True,
        )
        tried = 0
        with suppress(NotTaken):  # the engine ends
            for attempt in retrying:
                with attempt:
                    if self._stop.is_set():
                        return
                    tried = attempt.retry_state.attempt_number
                    notify = self._definition(slot)
                    if notify is None:
                        problem = f"{slot[2]} is not there any more, or off"
                        self._record(slot, row, tried, lease, problem=problem, given_up=True)
                        return
                    try:
                        workspace = replace(self._workspace, environment=slot[0])
                        post(workspace, notify, row.notification, timeout_s=self._timeout_s)
                    except NotTaken as error:
                        is_refused = isinstance(error, NeverTaken) and row.attempts + tried >= _REFUSED_MAX
                        given_up = is_refused or self._workspace.clock() >= until
                        if given_up or said != str(error):
                            said = str(error)
                            self._record(slot, row, tried, lease, problem=said, given_up=given_up)
                        if given_up:
                            return
                        raise
                    self._record(slot, row, tried, lease)

    def _definition(self, slot: Slot) -> NotifyDefinition | None:
        """As it is deployed now: who mends an address does not wait for what is on its way to the old one."""
        here = automations_here(replace(self._workspace, environment=slot[0]))
        for found in here:
            if _slot(found) == slot and found.is_on and isinstance(found.definition, NotifyDefinition):
                return found.definition
        return None

    def _record(
        self, slot: Slot, row: NotificationRow, tried: int, lease: Lease, *, problem: str = "", given_up: bool = False
    ) -> None:
        environment, location, name = slot
        own = {"environment": environment, "location": location, "name": name}
        id_, attempts = row.notification.id, row.attempts + tried
        fact: NotificationSent | NotificationFailed
        if problem:
            fact = NotificationFailed(**own, id=id_, attempts=attempts, problem=problem, given_up=given_up)
            LOG.warning("notify %s: %s%s", name, problem, "; it is given up" if given_up else "")
        else:
            fact = NotificationSent(**own, id=id_, attempts=attempts)
        told_as = (id_, type(fact).__name__, attempts)
        append = append_of(self._workspace, fact, stream=stream_of(environment), name=told_as)
        self._workspace.log.append(Batch(appends=(append,), fence=lease.fence))


def _slot(found: Found) -> Slot:
    return found.environment, found.location, found.name


@contextmanager
def notifying(
    workspace: Workspace, holder: str, stop: threading.Event, absence: Absence, growth: Growth, lease: timedelta
) -> Iterator[None]:
    """Have told what there is to tell, until the block ends, which sets `stop`."""
    notifier = Notifier(workspace, holder, stop, lease=lease, end=growth.end)
    with closing(notifier), looking("notifications", notifier.look, workspace.clock, stop, absence, growth):
        yield
