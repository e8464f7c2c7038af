"""Which steps of a plan can begin: those that wait for no other step of it any more.

Of those with the highest priority what is made from what is far along comes first, then the earlier partition: a run
over a year of partitions brings each month to its end before it begins the next, instead of making one asset after the
other.
"""

from collections.abc import Collection, Iterator
from heapq import heappop, heappush

from latewood.decide.nodes import Node, Slot
from latewood.decide.plan import Plan, PlannedTask, Step
from latewood.model.definitions import Catalog
from latewood.model.mappings import upstream_ordinals

Place = tuple[Slot, int]
"""What a step makes of an asset: where that is found, and the partition's ordinal."""


_Order = tuple[int, int, int, int, Place]


class Frontier:
    """The steps of one plan that can begin, and those that wait.

    A waiting step watches one step that it reads, the last of them in the order of partitions: so it is looked at a few
    times, however many it reads. Cost: O(steps + versions read) over a run, memory O(steps).
    """

    def __init__(self, plan: Plan, catalog: Catalog) -> None:
        self._catalog = catalog
        self._now = plan.state.now
        self._views = {view.slot(view.keys[0]): view for view in plan.views}
        self._pending: dict[Slot, set[int]] = {}
        self._watching: dict[Place, list[Step]] = {}
        self._ready: dict[Place, Step] = {}
        self._order: dict[str, list[_Order]] = {}  # by pool, of those that are ready, and of some that were
        self._depths: dict[Slot, int] = {}
        self._reads: dict[int, bool] = {}
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

    def next(self, closed: Collection[str] = ()) -> Step | None:
        """The step to begin now, which is not given again; None while all that is left waits.

        None of a task that takes part in one of the `closed` pools.
        """
        order = self._first(closed)
        return None if order is None else self._ready.pop(heappop(order)[-1])

    def priority(self, closed: Collection[str] = ()) -> int | None:
        """The priority of the step that `next` would give."""
        order = self._first(closed)
        return None if order is None else -order[0][0]

    def _first(self, closed: Collection[str]) -> list[_Order] | None:
        """Those of a pool, of which the first one is to begin before any other pool's."""
        found: list[_Order] | None = None
        for pool, order in self._order.items():
            while order and order[0][-1] not in self._ready:
                heappop(order)
            if order and pool not in closed and (found is None or order[0] < found[0]):
                found = order
        return found

    def neighbour(self, step: Step) -> Step | None:
        """The step of the same task for the next partition, if it can begin now; it is not given again."""
        place = _first_slot(step), step.ordinal + 1
        found = self._ready.get(place)
        return self._ready.pop(place) if found is not None and found.task is step.task else None

    def ended(self, step: Step) -> None:
        """Nothing waits for this step any more, however it ended."""
        self._left -= 1
        for slot in _slots(step.task.node):
            self._pending[slot].discard(step.ordinal)
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
        order = self._order.setdefault(task.pool, [])
        heappush(order, (-task.priority, -self._depths[slot], step.ordinal, step.number, (slot, step.ordinal)))

    def _may_wait(self, task: PlannedTask) -> bool:
        """Whether anything that the task reads is made by this plan."""
        known = self._reads.get(id(task))
        if known is None:
            known = any(slot in self._pending for slot in self._slots_read(task.node))
            self._reads[id(task)] = known
        return known

    def _waits_for(self, node: Node, ordinal: int) -> Place | None:
        """The last step, in the order of partitions, that has not ended of those that this one reads through an input.

        Also through a view, which has no steps of its own.
        """
        for input_ in node.task.inputs:
            if input_.asset not in self._catalog.assets:
                continue
            slot = node.slot(input_.asset)
            view = self._views.get(slot)
            pending = self._pending.get(slot)
            if not pending and view is None:
                continue
            up = self._catalog[input_.asset].partitions
            read = upstream_ordinals(input_.mapping, up, node.assets[0].partitions, ordinal, self._now)
            for start, stop in reversed(read.ranges):
                for upstream in range(stop - 1, start - 1, -1):
                    if view is not None:
                        found = self._waits_for(view, upstream)
                        if found is not None:
                            return found
                    elif pending is not None and upstream in pending:
                        return slot, upstream
        return None

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


def _first_slot(step: Step) -> Slot:
    return step.task.node.slot(step.task.node.keys[0])
