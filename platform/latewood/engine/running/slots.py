"""Slots of pools: who wants one, who has it. A slot is a lease, so that what dies loses none for longer than that."""

import re
from collections.abc import Container, Iterable, Sequence
from typing import Final

from latewood.decide.plan import Step
from latewood.decide.step_waits import SlotTaken
from latewood.engine.running.kept import Kept
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import RunId
from latewood.model.policies import QUOTA
from latewood.projections.pools import LIMITS, PoolRow, pool_rows
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood_eventlog.leases import Held, Lease, acquire_free, acquire_slots, holders_below
from latewood_eventlog.log import EventLog
from latewood_eventlog.tailer import announce

SLOTS: Final = "pool/"
"""How the leases begin that are slots; the pool and the number follow."""
WAITING: Final = "waiting/"

Pools = tuple[str, ...]
"""Names of pools in their order, of each of which a slot is wanted at once."""


def pools_of(task: TaskDefinition, limits: Container[str]) -> Pools:
    """The pools with a limit that a step of the task takes part in. A list is in none: each of its elements is."""
    return () if task.each else tuple(name for name in (QUOTA, task.pool) if name in limits)


def pools_of_slots(slots: Sequence[Lease]) -> Pools:
    """The pools of which these are slots."""
    return tuple(lease.name.split("/")[1] for lease in slots)


def described(step: Step) -> str:
    """What a slot is for, as others read it."""
    return f"step {step.number}: {step.task.node.keys[0]} {step.partition}".rstrip()


def limits_now(log: EventLog, project: str) -> dict[str, PoolRow]:
    """The pools there are, by name."""
    with snapshot(log) as connection:
        return pool_rows(connection, project, NOW)


_STEP: Final = re.compile(r"\brun (\w+) step (\d+): ")
"""The same with its run, as holders say it."""


class Slots:
    """The slots of a project, as one process takes them: `engine` is its name, what it has is `kept`.

    Raises LogError. For any thread. Cost: one round trip each, with no disk in it.
    """

    def __init__(self, log: EventLog, project: str, engine: str, kept: Kept) -> None:
        self._log = log
        self._project = project
        self._engine = engine
        self._kept = kept

    def take(self, pools: Pools, what: str) -> tuple[Lease, ...] | None:
        """A slot of each of the pools, as their limits are now; None unless all can be had. `what` is told of it."""
        found = acquire_slots(
            self._log.engine,
            self._project,
            SLOTS,
            pools,
            limits=LIMITS,
            holder=f"{self._engine} {what}",
            duration=self._kept.duration,
        )
        self._kept.add(found or ())
        return found

    def wait(self, pools: Pools, run: RunId) -> list[Lease]:
        """Say that the run waits for these pools: others let it go first, and tell when they give slots back."""
        names = [f"{WAITING}{name}/{run}" for name in pools]
        marks = acquire_free(self._log.engine, self._project, names, holder=self._engine, duration=self._kept.duration)
        self._kept.add(marks)
        return marks

    def give_back(self, slots: Sequence[Lease]) -> frozenset[str]:
        """Let others have them; the pools for which others wait, who have been told."""
        if not slots:
            return frozenset()
        waiting = self._kept.let_slots_go(slots, WAITING)
        others = frozenset(_parts(held, WAITING)[0] for held in waiting if held.holder != self._engine)
        others &= set(pools_of_slots(slots))
        if others:
            announce(self._log.engine)
        return others


def taken(log: EventLog, project: str) -> dict[str, list[SlotTaken]]:
    """The slots that are held now, by pool."""
    return slots_among(holders_below(log.engine, project, SLOTS))


def slots_among(leases: Iterable[Held]) -> dict[str, list[SlotTaken]]:
    """The slots that these leases are, by pool, in order of their numbers."""
    found: dict[str, list[SlotTaken]] = {}
    for held in leases:
        name, number = _parts(held, SLOTS)
        step = _STEP.search(held.holder)
        of = None if step is None else (RunId(step[1]), int(step[2]))
        found.setdefault(name, []).append(SlotTaken(int(number), held.holder, held.since, of))
    return {name: sorted(slots) for name, slots in found.items()}


def waiting(log: EventLog, project: str) -> dict[str, list[RunId]]:
    """The runs of which a step waits for a slot, by pool."""
    found: dict[str, list[RunId]] = {}
    for held in holders_below(log.engine, project, WAITING):
        name, run = _parts(held, WAITING)
        found.setdefault(name, []).append(RunId(run))
    return found


def _parts(held: Held, prefix: str) -> list[str]:
    return held.name.removeprefix(prefix).split("/")
