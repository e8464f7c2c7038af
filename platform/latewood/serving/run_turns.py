"""What the steps of one run hold besides their workers, and what they wait for. For the engine's thread."""

from collections import Counter
from collections.abc import Callable, Container, Hashable
from dataclasses import dataclass
from typing import Any

from latewood.engine.running.asks import Board, Boarded
from latewood.engine.running.slots import Pools, pools_of
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import RunId
from latewood.serving.turns import Boarding, EngineTurns, Waiting
from latewood_eventlog.leases import Lease


def _never(_: Pools) -> None:
    raise AssertionError("it may wait as long as it takes")


@dataclass(slots=True, eq=False)
class _Entering:
    """A script that waits for slots: `turn` in the engine's queue, and how it hears that there were none in time."""

    task: TaskDefinition
    pools: Pools
    in_vain: Callable[[Pools], None]
    turn: Waiting | None = None
    is_hurried: bool = False

    @property
    def is_in_vain(self) -> bool:
        """Whether there were no slots when that was asked last."""
        return self.turn is not None and self.turn.in_vain


class RunTurns:
    """The turns of one run, by the number of the script that has them.

    The run knows what was made before the moment `since`. `guarded` does what the log may refuse, `when_told` what is
    to be done once all that was told is durable.
    """

    def __init__(
        self,
        turns: EngineTurns,
        run: RunId,
        *,
        since: int,
        priority: int,
        guarded: Callable[[Callable[[], None]], object],
        when_told: Callable[[Callable[[], None]], None],
    ) -> None:
        self._turns = turns
        self._run = run
        self._priority = priority
        self._guarded = guarded
        self._when_told = when_told
        self._slots: dict[Hashable, tuple[Lease, ...]] = {}
        self._keys: dict[Hashable, list[str]] = {}
        self._entering: dict[Hashable, _Entering] = {}
        self._boarding: dict[Hashable, tuple[str, Boarding]] = {}
        self._is_over = False
        self._since = since
        self.closed: Counter[str] = Counter()
        """Pools, by what tasks say, of which a step waits for slots: nobody behind it could begin either."""
        self.shortly: set[Hashable] = set()
        """Scripts that go on as soon as something was looked up or is durable."""

    def enter(
        self,
        number: Hashable,
        task: TaskDefinition,
        what: str,
        then: Callable[[], None],
        in_vain: Callable[[Pools], None] = _never,
    ) -> None:
        """Go on once there is a slot of each pool that the task takes part in; it is kept until `leave`.

        Where it is told to hurry and there is none, `in_vain` hears of which pools.
        """
        pools = pools_of(task, self._turns.limits)
        if not pools or number in self._slots:
            then()
            return
        self.closed[task.pool] += 1
        self.shortly.add(number)
        entering = self._entering[number] = _Entering(task, pools, in_vain)

        def entered(slots: tuple[Lease, ...]) -> None:
            self._no_longer(number)
            self._slots[number] = slots
            if self._is_over:
                self.leave(number)
            else:
                self._guarded(then)

        def delayed() -> None:
            self.shortly.discard(number)
            if entering.is_hurried and entering.is_in_vain:
                self._give_up(number)

        entering.turn = self._turns.enter(
            pools,
            priority=self._priority + task.priority,
            run=self._run,
            what=f"run {self._run} {what}",
            then=entered,
            delayed=delayed,
        )

    def _no_longer(self, number: Hashable) -> _Entering:
        """It does not wait for slots any more."""
        self.shortly.discard(number)
        entering = self._entering.pop(number)
        self.closed[entering.task.pool] -= 1
        if not self.closed[entering.task.pool]:
            del self.closed[entering.task.pool]
        return entering

    def _give_up(self, number: Hashable) -> None:
        entering = self._no_longer(number)
        assert entering.turn is not None, "it has asked for it"
        self._turns.give_up(entering.turn)
        self._guarded(lambda: entering.in_vain(entering.pools))

    def hurry(self, number: Hashable) -> None:
        """What it waits for it may not wait for any longer than it takes to see whether it is there."""
        if (entering := self._entering.get(number)) is not None:
            entering.is_hurried = True
            if entering.is_in_vain:
                self._give_up(number)
        elif (found := self._boarding.get(number)) is not None:
            self._turns.hurry(*found)

    def pools_behind(self, task: TaskDefinition) -> Pools:
        """The pools for which the task's steps would wait behind others of this run, which ask for slots."""
        return pools_of(task, self._turns.limits) if task.pool in self.closed else ()

    def is_in_vain(self, task: TaskDefinition) -> bool:
        """Whether of those others one was told that there are none."""
        return any(each.is_in_vain for each in self._entering.values() if each.task.pool == task.pool)

    def board(self, number: Hashable, ask: Board, then: Callable[[Boarded], None]) -> None:
        """Go on as the one who computes what is asked about; it is kept until `land`."""
        if ask.key in self._keys.get(number, ()):  # the like of it, as equal elements of a list are
            then(Boarded.FIRST)
            return
        self.shortly.add(number)

        def boarded(how: Boarded) -> None:
            self._boarding.pop(number, None)
            self.shortly.discard(number)
            if how is not Boarded.UNDER_WAY:
                self._keys.setdefault(number, []).append(ask.key)
            if self._is_over:
                self.land(number)
            else:
                self._guarded(lambda: then(how))

        def delayed() -> None:
            self.shortly.discard(number)

        boarding = self._turns.board(ask.key, since=self._since, patient=ask.patient, then=boarded, delayed=delayed)
        if boarding is not None:
            self._boarding[number] = ask.key, boarding

    def leave(self, number: Hashable) -> None:
        """Its slots are free."""
        if (slots := self._slots.pop(number, None)) is not None:
            self._turns.leave(slots)

    def land(self, number: Hashable) -> None:
        """What it computed is no secret, once that is durable."""
        keys = self._keys.pop(number, [])

        def tell() -> None:
            for key in keys:
                self._turns.land(key)

        if keys:
            self._when_told(tell)

    def end(self, besides: Container[Any]) -> None:
        """Nothing waits any more, and what is held is given back, but by those whose calls go on."""
        self._is_over = True
        self._turns.forget(self._run)
        for number in [*self._slots, *self._keys]:
            if number not in besides:
                self.leave(number)
                self.land(number)
