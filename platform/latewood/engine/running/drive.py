"""One run with many steps under way: what it asks next, and where the answers go. It calls nothing itself."""

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from latewood.decide.frontier import Frontier
from latewood.decide.plan import Plan, Step
from latewood.decide.progress import StepProgress
from latewood.decide.state import VersionFacts
from latewood.engine.running.asks import Ask, Script
from latewood.engine.running.ranged import Due, Neighbours
from latewood.engine.running.scripts import Scripts
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetVersion


class Asked(NamedTuple):
    """What a step asks, with the number of the script that is answered."""

    number: int
    ask: Ask


class Drive:
    """Drives the scripts of one run as far as they go, in the order of the frontier. For one thread.

    To be asked by `next` and told by `answer` until it `is_over`. Any number of answers may be outstanding. Of a run
    that is taken up again `progress` is what is recorded of its steps by number, and `taken` has the versions that they
    took in place of computing them.
    """

    def __init__(
        self,
        plan: Plan,
        catalog: Catalog,
        scripts: Scripts,
        progress: Mapping[int, StepProgress] = MappingProxyType({}),
        taken: Mapping[AssetVersion, VersionFacts] = MappingProxyType({}),
    ) -> None:
        self._progress = progress
        self._taken = taken
        self._frontier = Frontier(plan, catalog)
        self._scripts = scripts
        self._asking: deque[Asked] = deque()
        self._under_way: dict[int, Script[None]] = {}
        self._numbers = 0

    @property
    def is_over(self) -> bool:
        """Whether every step has ended."""
        return not self._under_way and not len(self._frontier)

    def next(self) -> Asked | None:
        """What is asked now, once; None while nothing can go on without an answer that is outstanding.

        Steps that need nothing from outside, as those that are reused, end in here. Raises whatever the log refuses.
        """
        while not self._asking:
            step = self._frontier.next()
            if step is None:
                return None
            self._begin_step(step)
        return self._asking.popleft()

    def answer(self, number: int, answer: Any) -> None:
        """The answer to what was asked under that number; the step goes on. Raises whatever the log refuses."""
        self._go_on(number, lambda script: script.send(answer))

    def stop(self) -> None:
        """Leave every step as it is: nothing is asked any more, nothing told."""
        while self._under_way:
            self._under_way.popitem()[1].close()
        self._asking.clear()

    def _begin_step(self, step: Step) -> None:
        past = self._progress.get(step.number)
        self._begin(self._script(step) if past is None else self._continued(step, past))

    def _begin(self, script: Script[None]) -> None:
        self._numbers += 1
        self._under_way[self._numbers] = script
        self._go_on(self._numbers, next)

    def _go_on(self, number: int, act: Callable[[Script[None]], Ask]) -> None:
        try:
            self._asking.append(Asked(number, act(self._under_way[number])))
        except StopIteration:
            del self._under_way[number]

    def _script(self, step: Step) -> Script[None]:
        """The step from beginning to end; of a partition-wise task with the neighbours that can begin as well."""
        together = Neighbours()
        while True:
            due: Due | None = yield from self._scripts.opened(step)
            if due is None:
                self._frontier.ended(step)
            else:
                together.add(due)
            following = self._frontier.neighbour(step) if together.has_room_behind(step) else None
            if following is None:
                break
            if following.number in self._progress:
                self._begin_step(following)  # it was begun before: what becomes of it is a matter of its own
                break
            step = following
        joined = together.taken()
        if joined:
            yield from self._scripts.run(joined)
        for one in joined:
            self._frontier.ended(one.step)

    def _continued(self, step: Step, past: StepProgress) -> Script[None]:
        if past.has_ended:
            yield from self._scripts.restored(step, past, self._taken)
        elif (yield from self._scripts.interrupted(step, past)):
            due = yield from self._scripts.opened(step)
            if due is not None:
                yield from self._scripts.run([due], past)
        self._frontier.ended(step)
