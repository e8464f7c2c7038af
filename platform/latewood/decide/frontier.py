"""Which steps of a plan can begin: those that wait for no other step of it any more.

Of those with the highest priority what is made from what is far along comes first, then the earlier partition: a run
over a year of partitions brings each month to its end before it begins the next, instead of making one asset after the
other.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from heapq import heappop, heappush

from latewood.decide.nodes import Node, Slot
from latewood.decide.plan import Plan, PlannedTask, Step
from latewood.model.definitions import Catalog
from latewood.model.mappings import upstream_ordinals

Place = tuple[Slot, int]
"""What a step makes of an asset: where that is found, and the partition's ordinal."""


_Order = tuple[int, int, int, int, Place]

_Kind = tuple[str, bool]
"""The pool of a task, and whether it is a job in another system."""


class Frontier:
    """The steps of one plan that can begin, and those that wait.

    A waiting step watches one step that it reads, the last of them in the order of partitions: so it is looked at a few
    times, however many it reads. Cost: O(steps + versions read) over a run, memory O(steps).

    A step could begin since the last of what it reads of the plan ended, or since the plan was made: `Timeouts.queued`
    counts from then.
    """

    def __init__(self, plan: Plan, catalog: Catalog) -> None:
        self._catalog = catalog
        self._now = plan.state.now
        self._views = {view.slot(view.keys[0]): view for view in plan.views}
        self._pending: dict[Slot, set[int]] = {}
        self._watching: dict[Place, list[Step]] = {}
        self._ready: dict[Place, Step] = {}
        self._order: dict[_Kind, list[_Order]] = {}  # of those that are ready, and of some that were
        self._depths: dict[Slot, int] = {}
        self._reads: dict[int, bool] = {}
        self._is_limited = any(task.node.task.timeouts.queued is not None for task in plan.tasks)
        self._ended: dict[Slot, dict[int, datetime]] = {}  # when, where anything is limited
        self._until: dict[int, datetime] = {}
        self._came: list[Step] = []
        self._limits: list[tuple[datetime, int, Step]] = []  # of those that are ready, and of some that were
        steps = list(plan.steps())
        for step in steps:
            for slot in _slots(step.task.node):
                self._pending.setdefault(slot, set()).add(step.ordinal)
        for task in plan.tasks:
            self._depths |= dict.fromkeys(_slots(task.node), self._depth_of(task.node))
        self._left = len(steps)
        for step in steps:
            self._place(step)

    def __len__(self) -> int:
        """How many steps have not ended."""
        return self._left

    def next(self, closed: Collection[str] = (), *, jobs: bool = False) -> Step | None:
        """The step to begin now, which is not given again; None while all that is left waits.

        None of a task that takes part in one of the `closed` pools; with `jobs` only one that runs in another system.
        """
        order = self._first(closed, jobs=jobs)
        return None if order is None else self._ready.pop(heappop(order)[-1])

    def priority(self, closed: Collection[str] = ()) -> int | None:
        """The priority of the step that `next` would give."""
        order = self._first(closed)
        return None if order is None else -order[0][0]

    def _first(self, closed: Collection[str], *, jobs: bool = False) -> list[_Order] | None:
        """Those of a pool, of which the first one is to begin before any other pool's."""
        found: list[_Order] | None = None
        for (pool, is_job), order in self._order.items():
            if jobs and not is_job:
                continue
            while order and order[0][-1] not in self._ready:
                heappop(order)
            if order and pool not in closed and (found is None or order[0] < found[0]):
                found = order
        return found

    def neighbour(self, step: Step, *, overdue: datetime | None = None) -> Step | None:
        """The step of the same task for the next partition, if it can begin now; it is not given again.

        With `overdue` only one that has waited too long by then.
        """
        place = _first_slot(step), step.ordinal + 1
        found = self._ready.get(place)
        if found is None or found.task is not step.task:
            return None
        if overdue is not None and self._until[found.number] > overdue:
            return None
        return self._ready.pop(place)

    def until(self, step: Step) -> datetime | None:
        """Until when a step that could begin may wait for that; None for as long as it takes."""
        return self._until.get(step.number)

    @property
    def limit(self) -> datetime | None:
        """When the first of those that can begin has waited too long."""
        while self._limits and self._ready.get(_place_of(self._limits[0][-1])) is not self._limits[0][-1]:
            heappop(self._limits)
        return self._limits[0][0] if self._limits else None

    def overdue(self, now: datetime) -> Step | None:
        """A step that has waited too long by now, which is not given again."""
        if (limit := self.limit) is None or limit > now:
            return None
        return self._ready.pop(_place_of(heappop(self._limits)[-1]))

    def came(self) -> list[Step]:
        """Those that could not begin yet when this was asked last, and can; none where nothing is limited."""
        came, self._came = self._came, []
        return [step for step in came if self._ready.get(_place_of(step)) is step]

    def take(self, step: Step) -> None:
        """Begin this one now, which can begin; it is not given again."""
        del self._ready[_place_of(step)]

    def ended(self, step: Step, at: datetime) -> None:
        """Nothing waits for this step any more, however it ended."""
        self._left -= 1
        for slot in _slots(step.task.node):
            self._pending[slot].discard(step.ordinal)
            if self._is_limited:
                self._ended.setdefault(slot, {})[step.ordinal] = at
            for waiting in self._watching.pop((slot, step.ordinal), ()):
                self._place(waiting)

    def _place(self, step: Step) -> None:
        """Among those that can begin, or behind the last that it waits for."""
        waits_for = self._waits_for(step.task.node, step.ordinal) if self._may_wait(step.task) else None
        if waits_for is None:
            self._begins(step)
        else:
            self._watching.setdefault(waits_for, []).append(step)

    def _begins(self, step: Step) -> None:
        slot, task = _first_slot(step), step.task.node.task
        self._ready[slot, step.ordinal] = step
        order = self._order.setdefault((task.pool, task.runs_on is not None), [])
        heappush(order, (-task.priority, -self._depths[slot], step.ordinal, step.number, (slot, step.ordinal)))
        if self._is_limited:
            self._came.append(step)
        if task.timeouts.queued is not None:
            read = self._read(step.task.node, step.ordinal, self._ended)
            since = max((self._ended[slot][ordinal] for slot, ordinal in read), default=self._now)
            until = self._until[step.number] = since + task.timeouts.queued
            heappush(self._limits, (until, step.number, step))

    def _may_wait(self, task: PlannedTask) -> bool:
        """Whether anything that the task reads is made by this plan."""
        known = self._reads.get(id(task))
        if known is None:
            known = any(slot in self._pending for slot in self._slots_read(task.node))
            self._reads[id(task)] = known
        return known

    def _waits_for(self, node: Node, ordinal: int) -> Place | None:
        """The last step, in the order of partitions, that has not ended of those that this one reads by an input."""
        return next(self._read(node, ordinal, self._pending), None)

    def _read(self, node: Node, ordinal: int, among: Mapping[Slot, Collection[int]]) -> Iterator[Place]:
        """What the step reads of these, by input the last partition first; also through views, which have no steps."""
        for input_ in node.task.inputs:
            if input_.asset not in self._catalog.assets:
                continue
            slot = node.slot(input_.asset)
            view = self._views.get(slot)
            found = among.get(slot)
            if not found and view is None:
                continue
            up = self._catalog[input_.asset].partitions
            read = upstream_ordinals(input_.mapping, up, node.assets[0].partitions, ordinal, self._now)
            for start, stop in reversed(read.ranges):
                for upstream in range(stop - 1, start - 1, -1):
                    if view is not None:
                        yield from self._read(view, upstream, among)
                    elif found is not None and upstream in found:
                        yield slot, upstream

    def _slots_read(self, node: Node) -> Iterator[Slot]:
        for input_ in node.task.inputs:
            slot = node.slot(input_.asset)
            view = self._views.get(slot)
            if view is None:
                yield slot
            else:
                yield from self._slots_read(view)

    def _depth_of(self, node: Node) -> int:
        own = _slots(node)
        return 1 + max((self._depths.get(slot, 0) for slot in self._slots_read(node) if slot not in own), default=0)


def _slots(node: Node) -> list[Slot]:
    return [node.slot(key) for key in node.keys]


def _place_of(step: Step) -> Place:
    return _first_slot(step), step.ordinal


def _first_slot(step: Step) -> Slot:
    return step.task.node.slot(step.task.node.keys[0])
