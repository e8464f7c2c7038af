"""One call of the API: what it may see, and the one snapshot that all of it is read through."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Hashable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import inf
from typing import Any, TypeVar

from aiodataloader import DataLoader

from latewood.commands.assessing import Assessments
from latewood.commands.reading import Assessment
from latewood.commands.views import PRESENT, AsOf, View, moment_meant
from latewood.commands.workspace import Workspace, checked_name, of_project
from latewood.errors import UsageError
from latewood.model.access import Role
from latewood.projections.environments import existing, existing_of
from latewood.projections.snapshots import snapshot
from latewood.projections.statistics import projects
from latewood_eventlog.database import reading
from latewood_eventlog.errors import TookTooLong
from latewood_eventlog.log import EventLog, OneSnapshot, SeenBy
from latewood_eventlog.records import Position
from latewood_graphql.access import Caller

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What all calls of a process share: the workspace that acts, and connections that may only read."""

    workspace: Workspace
    reader: EventLog
    assessments: Assessments = field(default_factory=Assessments)

    def visible(self, caller: Caller) -> frozenset[str]:
        """The projects whose rows the caller may see. Cost: for who sees all, a look each."""
        if not caller.sees_all:
            return caller.projects
        with snapshot(self.workspace.log) as connection:
            return frozenset({self.workspace.project, *caller.projects, *projects(connection)})


def nothing() -> None:
    """Is done."""


@dataclass(slots=True, kw_only=True)
class Call:
    """One call, whose every reading is of one transaction that sees the rows of its projects alone.

    A mutation looks again when it is done, so that its answer has what it did; so does who has made something aside.
    What was found before then shows what is there since: all have the same log.
    """

    service: Service
    caller: Caller
    projects: frozenset[str]
    """Those that may be seen."""
    transaction: ExitStack
    limit: timedelta = timedelta()
    """How long it may read; for ever if that is nothing."""
    again: Callable[[], None] = nothing
    """Asked before another mutation after the first: raises Refused where the caller may no more."""
    until: float = field(init=False)
    """When the time is over, by `time.monotonic`."""
    workspace: Workspace = field(init=False)
    position: Position = field(init=False)
    """The end of the log, as far as the call sees it."""
    loaders: dict[Any, DataLoader[Any, Any]] = field(default_factory=dict)
    scopes: dict[Any, Any] = field(default_factory=dict)
    prepared: dict[Any, Any] = field(default_factory=dict)
    """What was made aside, or why it was not."""
    has_moved: bool = False
    """Whether there was something new when something had been made aside."""
    has_acted: bool = False
    """Whether it is a mutation, which has done something."""
    _log: OneSnapshot | None = None
    _put_off: list[tuple[asyncio.Future[Any], Callable[[EventLog], Any]]] = field(default_factory=list)

    def look(self) -> None:
        """Read what is there now, from here on; nothing of what was read before is known any more.

        As long as it may take counts from here: what a mutation does takes its own time.
        """
        self.until = time.monotonic() + self.limit.total_seconds() if self.limit else inf
        self._look()

    def _look(self) -> None:
        self.transaction.close()
        reader = self.service.reader
        connection = self.transaction.enter_context(reading(reader.engine, sorted(self.projects), limit=self.limit))
        if self._log is None:
            self._log = OneSnapshot(reader, connection)
            self.workspace = replace(self.service.workspace, log=self._log)
        self._log.snapshot = connection
        self.position = self.workspace.log.position()
        self.loaders.clear()
        self.scopes.clear()

    def project(self, name: str, at: Any) -> "ProjectAt":
        """A project at a moment. Raises UsageError for one that is not there, or not for this caller.

        So it does for a moment that is still to come: of that nothing could be said that stays true.
        """
        self._refuse_unseen(name)
        there = of_project(self.workspace, name)
        as_of = moment_meant(there, at)
        if as_of != PRESENT and as_of.position > self.position:
            end = f"which ends at {self.position:,}" if self.position else "which is empty"
            raise UsageError(
                f"position {as_of.position:,} is not in the log, {end}; without --as-of things are shown as they are"
            )
        return ProjectAt(call=self, workspace=there, as_of=as_of)

    def require(self, role: Role, project: str) -> None:
        """Raise UsageError for a project that is not there or not seen, Refused for one where the role is lacking."""
        self._refuse_unseen(project)
        self.caller.require(role, project)

    def acting(self, project: str) -> Workspace:
        """What mutations act through: connections that write, and the caller as the actor of what is recorded.

        What it reads is of now, and not of the call's snapshot.
        """
        return of_project(replace(self.service.workspace, actor=self.caller.actor), project)

    def refuse_beyond(self, position: Position) -> None:
        """Raise UsageError for a position that is none: who asks for what is behind it would never have anything."""
        if position > self.position:
            raise UsageError(f"expected a position up to {self.position}, where the log ends; found {position}")

    def refuse_late(self) -> None:
        """Raise TookTooLong once the time is over; the database itself ends a statement that takes longer than that."""
        if time.monotonic() > self.until:
            raise TookTooLong("a call took longer than it may")

    def _refuse_unseen(self, name: str) -> None:
        if name not in self.projects:
            seen = ", ".join(sorted(self.projects)) or "none"
            raise UsageError(f'no project "{checked_name("project", name)}"; there is {seen}')

    def load(self, of: Any, what: str, key: K, many: Callable[[Sequence[K]], Mapping[K, V]]) -> Any:
        """The value of a key, once all keys that are asked for at the same time are known; `many` reads them at once.

        `of` and `what` name the values; `many` leaves out keys that have none, whose value is None then.
        """
        found = self.loaders.get((of, what))
        if found is None:

            async def batch(keys: list[K]) -> list[V | None]:  # as the library wants it; nothing is waited for
                self.refuse_late()
                values = many(keys)
                return [values.get(key) for key in keys]

            found = self.loaders[of, what] = DataLoader(batch)
        return found.load(key)

    def few(self, field: str, key: Hashable, *, of: str, most: int) -> Any:
        """Raises UsageError where the field is asked `of` more than so many in a query."""

        def counted(keys: Sequence[Hashable]) -> Mapping[Hashable, None]:
            if len(keys) > most:
                raise UsageError(f"{field}: expected at most {most} {of} in a query, found {len(keys):,}")
            return {}

        return self.load(None, f"few of {field}", key, counted)

    def once(self, of: Any, what: str, make: Callable[[], V]) -> V:
        """What is made the first time that the call asks for it."""
        if (of, what) not in self.scopes:
            self.refuse_late()
            self.scopes[of, what] = make()
        found: V = self.scopes[of, what]
        return found

    def aside(self, where: Any, make: Callable[[EventLog], V]) -> V:
        """What is made without a transaction, since it takes long, as looking at files does; once for all that `where`.

        It is made of a log that is read with the rights of the call. Then the call looks again, and `has_moved` if
        there is something new: who is to have an answer of one position asks again, with what is `prepared`.
        """
        if where not in self.prepared:
            self.refuse_late()
            before = self.position
            self.transaction.close()
            try:
                self.prepared[where] = make(SeenBy(self.service.reader, self.projects, self.limit))
            except Exception as error:  # noqa: BLE001 - raised below, also where it is asked again
                self.prepared[where] = error
            self._look()
            self.has_moved |= self.position != before
        found = self.prepared[where]
        if isinstance(found, Exception):
            raise found
        made: V = found
        return made

    def in_the_end(self, make: Callable[[EventLog], V]) -> "asyncio.Future[V]":
        """What takes long and is of files that the log names: made when all else is read and the transaction is over.

        It is made of a log that is read with the rights of the call; what hangs on it reads nothing of the database.
        """
        found: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._put_off.append((found, make))
        return found

    def finish(self) -> bool:
        """Make what was put off; whether there was anything."""
        put_off, self._put_off = self._put_off, []
        if not put_off:
            return False
        self.transaction.close()
        log = SeenBy(self.service.reader, self.projects, self.limit)
        for future, make in put_off:
            try:
                self.refuse_late()
                future.set_result(make(log))
            except Exception as error:  # noqa: BLE001 - it is an error of the field that waits for it
                future.set_exception(error)
        return True

    def carried_out(self, work: Coroutine[Any, Any, V]) -> V:
        """What comes of it, in a loop of its own, whose loaders gather what is asked for at the same time."""
        with closing(asyncio.SelectorEventLoop(_Resting(self.finish))) as loop:
            return loop.run_until_complete(work)


class _Resting(selectors.DefaultSelector):
    """Tells an event loop what happens outside, which is nothing; before it waits for ever what was put off is done."""

    def __init__(self, finish: Callable[[], bool]) -> None:
        super().__init__()
        self._finish = finish

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As every selector."""
        if timeout is None and self._finish():
            return []
        return super().select(timeout)


@contextmanager
def opened(
    service: Service,
    caller: Caller,
    limit: timedelta = timedelta(),
    prepared: Mapping[Any, Any] | None = None,
    again: Callable[[], None] = nothing,
) -> Iterator[Call]:
    """A call, as long as the block lasts, which may read for so long. Raises DatabaseUnreachable."""
    with ExitStack() as transaction:
        seen = service.visible(caller)
        call = Call(service=service, caller=caller, projects=seen, transaction=transaction, limit=limit, again=again)
        call.prepared.update(prepared or {})
        call.look()
        yield call


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectAt:
    """A project at a moment."""

    call: Call = field(compare=False, hash=False, repr=False)
    workspace: Workspace = field(compare=False, hash=False, repr=False)
    as_of: AsOf

    @property
    def name(self) -> str:
        """What it is called."""
        return self.workspace.project

    @property
    def position(self) -> Position:
        """The position it is shown at."""
        return self.call.position if self.as_of == PRESENT else self.as_of.position

    def environment(self, name: str) -> "EnvironmentAt":
        """One of its environments. Raises UsageError for an unknown one."""
        there = replace(self.workspace, environment=checked_name("environment", name))
        return EnvironmentAt(call=self.call, project=self, workspace=there, name=name)

    @property
    def environments(self) -> list[str]:
        """Names of those that are in use, read once for a call. Cost: as `existing`."""

        def names() -> list[str]:
            with snapshot(self.workspace.log) as connection:
                return [found.environment for found in existing(connection, self.name, self.as_of.position)]

        return self.call.once((self.name, self.as_of), "environments", names)

    def has(self, environment: str) -> bool:
        """Whether that one is in use, read once for a call. Others are not looked at."""

        def found() -> bool:
            with snapshot(self.workspace.log) as connection:
                return bool(existing_of(connection, self.name, [environment], self.as_of.position))

        return self.call.once((self.name, self.as_of, environment), "is there", found)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentAt:
    """An environment at a moment. What is read of it is read once for a call."""

    call: Call = field(compare=False, hash=False, repr=False)
    project: ProjectAt = field(compare=False, hash=False, repr=False)
    workspace: Workspace = field(compare=False, hash=False, repr=False)
    name: str

    @property
    def as_of(self) -> AsOf:
        """The moment."""
        return self.project.as_of

    @property
    def _scope(self) -> tuple[str, str, AsOf]:
        return self.project.name, self.name, self.as_of

    @property
    def view(self) -> View:
        """Its definitions. Raises UsageError for an unknown environment."""
        return self.assessment.view

    @property
    def assessment(self) -> Assessment:
        """How all its assets stand."""
        assessments = self.call.service.assessments
        return self.call.once(self._scope, "assessment", lambda: assessments.at(self.workspace, self.as_of))

    def load(self, what: str, key: K, many: Callable[[Sequence[K]], Mapping[K, V]]) -> Any:
        """As `Call.load`."""
        return self.call.load(self._scope, what, key, many)

    def once(self, what: str, make: Callable[[], V]) -> V:
        """As `Call.once`."""
        return self.call.once(self._scope, what, make)
