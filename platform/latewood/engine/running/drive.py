"""One run with many steps under way: what it asks next, and where the answers go. It calls nothing itself."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from typing import Any, NamedTuple

from latewood.decide.frontier import Frontier
from latewood.decide.plan import Plan, Step
from latewood.engine.running.asks import (
    OF_WORKERS,
    Ask,
    Attempt,
    Board,
    Enter,
    Script,
    Together,
    UnderWay,
    is_between,
)
from latewood.engine.running.ranged import Due, Neighbours
from latewood.engine.running.scripts import Scripts
from latewood.model.definitions import Catalog, TaskDefinition


class Asked(NamedTuple):
    """What a step asks, with the number of the script that is answered."""

    number: int
    ask: Ask


class Overdue(NamedTuple):
    """What is asked by a script whose attempt has waited too long to begin, and whether it was given to be answered."""

    number: int
    ask: Ask
    is_given: bool


class Drive:
    """Drives the scripts of one run as far as they go, in the order of the frontier. For one thread.

    To be asked by `next` and told by `answer` until it `is_over`. Any number of answers may be outstanding. `ended`
    hears of each script that is over. From `limit` on `overdue` says what has waited too long.
    """

    def __init__(
        self, plan: Plan, catalog: Catalog, scripts: Scripts, ended: Callable[[int], None] = lambda _: None
    ) -> None:
        self._frontier = Frontier(plan, catalog)
        self._scripts = scripts
        self._asking: list[tuple[int, int]] = []  # by priority, and in the order of asking
        self._asked = 0
        self._asks: dict[int, Asked] = {}  # by that order, those that nobody was given
        self._of_jobs: deque[Asked] = deque()  # what needs no worker
        self._unanswered: dict[int, int] = {}  # by script
        self._limits: list[tuple[datetime, int, Asked]] = []  # of what is not answered, and of some that was
        self._under_way: dict[int, Script[None]] = {}
        self._tasks: dict[int, TaskDefinition] = {}
        self._rest: set[int] = set()  # those that asked what is asked between attempts
        self._is_settling = False
        self._ended = ended
        self._groups: list[_Group] = []
        self._group_of: dict[int, _Group] = {}
        self._numbers = 0

    @property
    def is_over(self) -> bool:
        """Whether every step has ended."""
        return not self._under_way and not len(self._frontier)

    def priority(self, closed: Collection[str] = ()) -> int | None:
        """The highest priority of what can go on now; None where nothing can."""
        while self._asking and self._asking[0][1] not in self._asks:
            heappop(self._asking)
        asking = [-self._asking[0][0]] if self._asking else []
        if self._is_settling:
            return next(iter(asking), None)
        begun = [group.task.priority for group in self._groups if group.task.pool not in closed]
        waits = self._frontier.priority(closed)
        return max([*asking, *begun, *([] if waits is None else [waits])], default=None)

    def is_under_way(self, number: int) -> bool:
        """Whether the script with this number is not over."""
        return number in self._under_way

    @property
    def busy(self) -> set[int]:
        """The scripts that have something under way, which would count as interrupted if it were left."""
        return self._under_way.keys() - self._rest

    def next(self, closed: Collection[str] = ()) -> Asked | None:
        """What is asked now, once; None while nothing can go on without an answer that is outstanding.

        Steps that need nothing from outside, as those that are reused, end in here. None is begun of a task that takes
        part in one of the `closed` pools. Raises whatever the log refuses.
        """
        while True:
            if self._of_jobs:
                return self._of_jobs.popleft()
            if (priority := self.priority(closed)) is None:
                return None
            if self._asking and -self._asking[0][0] >= priority:
                return self._asks.pop(heappop(self._asking)[-1])
            group = self._group(closed)
            if group is not None and group.task.priority >= priority:
                self._begin_next_of(group)  # what was begun comes to its end before something else begins
                continue
            step = self._frontier.next(closed)
            assert step is not None, "it has a priority"
            self._begin_step(step)

    def next_of_jobs(self, closed: Collection[str] = ()) -> Asked | None:
        """What steps ask that run in other systems, once, as far as no worker is needed for it. Else as `next`."""
        while not self._of_jobs:
            step = None if self._is_settling else self._frontier.next(closed, jobs=True)
            if step is None:
                return None
            self._begin_step(step)
        return self._of_jobs.popleft()

    def _group(self, closed: Collection[str]) -> "_Group | None":
        """The one of the highest priority of which scripts may begin, of several the latest."""
        open_ = (group for group in reversed(self._groups) if group.task.pool not in closed)
        return max(open_, key=lambda group: group.task.priority, default=None)

    def answer(self, number: int, answer: Any) -> None:
        """The answer to what was asked under that number; the step goes on. Raises whatever the log refuses."""
        if self._is_settling and number in self._rest:
            return
        self._go_on(number, lambda script: script.send(answer))

    def settle(self) -> None:
        """Begin no step and no attempt any more: what is `busy` goes on until it is not."""
        self._is_settling = True
        self._asks = {order: asked for order, asked in self._asks.items() if asked.number not in self._rest}
        self._of_jobs = deque(asked for asked in self._of_jobs if asked.number not in self._rest)

    @property
    def limit(self) -> datetime | None:
        """When the first that waits to begin has waited too long; None where all may wait as long as it takes."""
        while self._limits and self._unanswered.get(self._limits[0][2].number) != self._limits[0][1]:
            heappop(self._limits)
        asked = self._limits[0][0] if self._limits else None
        return _first_of([asked, self._frontier.limit, *(group.until for group in self._groups)])

    def overdue(self, now: datetime) -> list[Overdue]:
        """What is asked by those that have waited too long by now. It is to be answered, and not given again.

        Those that were not begun are, without any room: so there may be more of it by and by.
        Raises whatever the log refuses.
        """
        while (step := self._frontier.overdue(now)) is not None:
            self._begin_step(step, overdue=now)
        for group in [group for group in self._groups if group.until is not None and group.until <= now]:
            while group in self._groups:
                self._begin_next_of(group)
        found: list[Overdue] = []
        while (limit := self.limit) is not None and limit <= now:
            _, order, asked = heappop(self._limits)
            is_given = self._asks.pop(order, None) is None and asked not in self._of_jobs
            if asked in self._of_jobs:
                self._of_jobs.remove(asked)
            found.append(Overdue(*asked, is_given=is_given))
        return found

    def skip_blocked(self) -> None:
        """Let steps end that can only be skipped, since something has waited too long: that takes no room.

        Raises whatever the log refuses.
        """
        while came := self._frontier.came():
            for step in came:
                if step.number not in self._scripts.progress and self._scripts.is_blocked(step):
                    self._frontier.take(step)
                    self._begin_step(step)

    def stop(self) -> None:
        """Leave every step as it is: nothing is asked any more, nothing told."""
        while self._under_way:
            self._under_way.popitem()[1].close()
        self._asking.clear()
        self._of_jobs.clear()
        self._groups.clear()

    def _begin_step(self, step: Step, *, overdue: datetime | None = None) -> None:
        script = self._continued(step) if step.number in self._scripts.progress else self._script(step, overdue)
        self._begin(script, step.task.node.task)

    def _begin(self, script: Script[None], task: TaskDefinition, group: "_Group | None" = None) -> None:
        self._numbers += 1
        number = self._numbers
        self._under_way[number] = script
        self._tasks[number] = task
        if group is not None:
            self._group_of[number] = group
        self._go_on(number, next)

    def _begin_next_of(self, group: "_Group") -> None:
        script = next(group.scripts, None)
        if script is None:
            self._groups.remove(group)
            group.has_begun = True
            self._go_on_behind(group)
        else:
            group.under_way += 1
            self._begin(script, group.task, group)

    def _go_on(self, number: int, act: Callable[[Script[None]], Ask]) -> None:
        self._unanswered.pop(number, None)
        try:
            ask = act(self._under_way[number])
        except StopIteration:
            self._rest.discard(number)
            del self._under_way[number], self._tasks[number]
            self._ended(number)
            if (group := self._group_of.pop(number, None)) is not None:
                group.under_way -= 1
                self._go_on_behind(group)
            return
        task = self._tasks[number]
        if is_between(ask):
            self._rest.add(number)
        else:
            self._rest.discard(number)
        if isinstance(ask, Together):
            self._groups.append(_Group(number, task, ask.scripts, ask.until))
        elif not (self._is_settling and number in self._rest):
            self._asked += 1
            asked = Asked(number, ask)
            if task.runs_on is not None and not isinstance(ask, OF_WORKERS):
                self._of_jobs.append(asked)
            else:
                self._asks[self._asked] = asked
                heappush(self._asking, (-task.priority, self._asked))
            if (limit := _limit_of(ask)) is not None:
                self._unanswered[number] = self._asked
                heappush(self._limits, (limit, self._asked, asked))

    def _go_on_behind(self, group: "_Group") -> None:
        """Answer who asked for these scripts, once all have begun and none is under way."""
        if group.has_begun and not group.under_way:
            self._go_on(group.asked_by, next)

    def _script(self, step: Step, overdue: datetime | None) -> Script[None]:
        """The step from beginning to end; of a partition-wise task with the neighbours that can begin as well.

        Only the first of them waits for others who compute the same: later ones would wait on a flight. With one that
        is `overdue` at that time go those that are as well.
        """
        together, is_first = Neighbours(), True
        while True:
            due: Due | None
            try:
                until = self._frontier.until(step)
                due = yield from self._scripts.opened(step, patient=is_first, until=until)
            except UnderWay:
                self._begin_step(step, overdue=overdue)
                break
            is_first = False
            if due is None:
                self._frontier.ended(step, self._scripts.now())
            else:
                together.add(due)
            has_room = together.has_room_behind(step)
            following = self._frontier.neighbour(step, overdue=overdue) if has_room else None
            if following is None:
                break
            if following.number in self._scripts.progress:
                self._begin_step(following)  # it was begun before: what becomes of it is a matter of its own
                break
            step = following
        joined = together.taken()
        if joined:
            yield from self._scripts.run(joined)
        for one in joined:
            self._frontier.ended(one.step, self._scripts.now())

    def _continued(self, step: Step) -> Script[None]:
        yield from self._scripts.whole(step, self._frontier.until(step))
        self._frontier.ended(step, self._scripts.progress[step.number].ended_at or self._scripts.now())


@dataclass(slots=True, eq=False)
class _Group:
    """Scripts that another one waits for; they begin one by one, as there is room."""

    asked_by: int
    task: TaskDefinition
    scripts: Iterator[Script[None]]
    until: datetime | None = None
    under_way: int = 0
    has_begun: bool = False


def _limit_of(ask: Ask) -> datetime | None:
    """When it has waited too long to begin: an attempt also once the time for all of them is over."""
    match ask:
        case Attempt(until=until, deadline=deadline):
            return _first_of([until, deadline])
        case Enter(until=until) | Board(until=until):
            return until
        case _:
            return None


def _first_of(limits: Iterable[datetime | None]) -> datetime | None:
    return min((limit for limit in limits if limit is not None), default=None)
