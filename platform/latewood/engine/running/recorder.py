"""From facts to the log: wraps them for their streams, and submits them in order behind the artifacts they name."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from hashlib import sha256
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from latewood.events import SCHEMA_VERSIONS, TYPE_OF, Event, PartitionsAdded, to_json
from latewood.model.keys import PartitionKey, RunId
from latewood_eventlog.groupcommit import GroupCommit
from latewood_eventlog.records import Appended, Batch, Fence, NewEvent, Position, StreamAppend

_UNRECORDED_MAX: Final = 2_000
"""Submissions that may wait for their commit while a run goes on: bounds memory, and what a crash can cost."""


Told = list[tuple[Event, Sequence[object]]]
"""Facts with the names that tell them apart within their stream."""


PART_BYTES_MAX: Final = 49_152
"""Most bytes of entries in one event, encoded: well under an event's limit."""

T = TypeVar("T")


def in_parts(entries: Iterable[T], limit: int = PART_BYTES_MAX) -> Iterator[tuple[T, ...]]:
    """The entries in order, in pieces of at most so many bytes; none of no entries. One that is larger stands alone."""
    part: list[T] = []
    total = 0
    for entry in entries:
        bytes_ = len(msgspec.json.encode(entry)) + 1  # and what parts it from the next one
        if part and total + bytes_ > limit:
            yield tuple(part)
            part, total = [], 0
        part.append(entry)
        total += bytes_
    if part:
        yield tuple(part)


def added_partitions(by_name: Mapping[str, Iterable[PartitionKey]], run: RunId, step: int) -> Told:
    """What a step adds to dynamic partitions, in as many facts as it takes."""
    told: Told = []
    for name, keys in by_name.items():
        for number, part in enumerate(in_parts(keys)):
            told.append((PartitionsAdded(name=name, keys=part, run=run, step=step), ("added", step, name, number)))
    return told


def event_id(project: str, stream: str, *names: object) -> UUID:
    """The id of the fact with this name in this stream: the same fact has the same id, however often it is told.

    Ids of one stream begin alike, so that their index entries share pages.
    """
    place = f"{project}\x1f{stream}"
    name = "\x1f".join([place, *map(str, names)])
    return UUID(bytes=sha256(place.encode()).digest()[:6] + sha256(name.encode()).digest()[:10])


def new_event(
    fact: Event,
    *,
    project: str,
    stream: str,
    name: Sequence[object],
    at: datetime,
    actor: str,
    cause: Position | UUID | None = None,
) -> NewEvent:
    """The fact as an event; `name` tells it from every other fact of its type in its stream."""
    type_ = TYPE_OF[type(fact)]
    return NewEvent(
        event_id=event_id(project, stream, type_, *name),
        type=type_,
        schema_version=SCHEMA_VERSIONS[type_],
        data=to_json(fact),
        occurred_at=at,
        actor=actor,
        cause=cause,
    )


class Recorder:
    """Records the facts of one run through a group commit, in the order they are told.

    `tell` returns at once; `told` waits until everything is durable. The first refusal ends it: every later call
    raises that error, since whatever was built on a refused append is void. Each append expects the run's stream to
    hold all that was told before, so the log refuses what was on its way behind a refused one. Of a run that is taken
    up again `told` facts are there, the first of which is `root`.
    """

    def __init__(
        self,
        commits: GroupCommit,
        *,
        project: str,
        run: RunId,
        actor: str,
        fence: Fence,
        clock: Callable[[], datetime],
        told: int = 0,
        root: UUID | None = None,
    ) -> None:
        self._commits = commits
        self.project = project
        self._stream = f"run/{run}"
        self._actor = actor
        self._fence = fence
        self._clock = clock
        self._told = told
        self._waiting: deque[Future[Appended]] = deque()
        self._root = root
        self._refused: BaseException | None = None

    def tell(
        self,
        *facts: tuple[Event, Sequence[object]],
        cause: Position | UUID | None = None,
        needs: Sequence[object] = (),
        then: Callable[[], None] | None = None,
    ) -> tuple[UUID, ...]:
        """Record these facts together, each with the name that tells it apart within the run; their event ids.

        `cause` led to the first of them, each to the next; by default it is the run's first fact. `needs` are artifacts
        that must be durable first; `then` is called once the facts are.
        """
        self.raise_if_refused()
        at = self._clock()
        cause = cause or self._root
        events = []
        for fact, name in facts:
            event = new_event(
                fact, project=self.project, stream=self._stream, name=name, at=at, actor=self._actor, cause=cause
            )
            events.append(event)
            cause = event.event_id
        self._root = self._root or events[0].event_id
        self._submit(events, needs, then)
        if len(self._waiting) >= _UNRECORDED_MAX:
            self.told()
        return tuple(event.event_id for event in events)

    def told(self) -> None:
        """Wait until everything told so far is durable. Raises what the log answered if it refused."""
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            future.exception()
        self.raise_if_refused()

    def when_told(self, then: Callable[[], None]) -> None:
        """Call this, in another thread, once everything told so far is durable, or the log has refused it."""
        while self._waiting and self._waiting[0].done():  # they are done in their order
            self._waiting.popleft()
        if self._waiting:
            self._waiting[-1].add_done_callback(lambda _: then())
        else:
            then()

    def still_held(self) -> None:
        """As `told`, and make sure that nobody has taken the run over: before an act that is seen outside of the log.

        However long user code ran, or the process stood still, since the last fact. Raises what the log answers.
        """
        self.ask_whether_held()
        self.told()

    def ask_whether_held(self) -> None:
        """Tell nothing: the log refuses that, as everything that is told, where somebody has taken the run over."""
        self.raise_if_refused()
        self._submit((), (), None)

    def _submit(self, events: Sequence[NewEvent], needs: Sequence[object], then: Callable[[], None] | None) -> None:
        append = StreamAppend(project=self.project, stream=self._stream, events=tuple(events), expected=self._told)
        self._told += len(events)
        future = self._commits.submit(Batch(appends=(append,), fence=self._fence), needs)
        self._waiting.append(future)
        future.add_done_callback(lambda done: self._on_done(done, then))

    def _on_done(self, future: Future[Appended], then: Callable[[], None] | None) -> None:
        error = future.exception()
        if error is not None:
            self._refused = self._refused or error
        elif then is not None:
            then()

    def raise_if_refused(self) -> None:
        """Raise what the log has answered, if it has refused anything."""
        if self._refused is not None:
            raise self._refused
