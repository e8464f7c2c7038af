"""What a step that nobody has begun waits for: the steps before it in its run, and all else that it needs besides."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from latewood.decide.bearing import ordinals_read
from latewood.decide.how_far import planned_for
from latewood.decide.nodes import Node, Slot
from latewood.events import Action, PlannedSteps
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetId, AssetKey, RunId
from latewood.model.ordinals import Ordinals, Range


class Wait(StrEnum):
    """What something waits for."""

    STEPS = "steps"
    ENGINE = "engine"
    RETRY = "retry"
    SLOT = "slot"
    OTHER = "other run"
    TURN = "turn"


class AwaitedStep(NamedTuple):
    """A step that is waited for."""

    run: RunId
    step: int
    assets: tuple[AssetKey, ...]
    partition: str


class SlotTaken(NamedTuple):
    """A slot of a pool that is taken: its number, who has it for what, and since when.

    `step` is the run and the number of the step, where it is one's.
    """

    number: int
    holder: str
    since: datetime
    step: tuple[RunId, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaited:
    """One thing that a step waits for.

    `steps` are the first of those that have to end first, of which there are `count`, or that compute the same
    meanwhile. `engines` serve the project, one of which has to take the run. A retry is due at `until`. All
    slots of the `pool`, as many as its `limit`, are taken, by who has the `slots`; the quota has no name.
    """

    what: Wait
    steps: tuple[AwaitedStep, ...] = ()
    count: int = 0
    engines: tuple[str, ...] = ()
    until: datetime | None = None
    pool: str = ""
    limit: int | None = None
    slots: tuple[SlotTaken, ...] = ()


def steps_before(
    planned: Collection[PlannedSteps],
    step: int,
    nodes: Mapping[tuple[AssetKey, int], Node],
    key: Callable[[AssetId], AssetKey],
    catalog: Catalog,
    now: datetime,
) -> Ordinals:
    """The numbers of the steps of a plan that have to end before this one can begin, also behind views.

    `nodes` are by key and number of the task's trial, as `by_trial` has them. Cost: O(ranges), and as `ordinals_read`.
    """
    found = planned_for(planned, step)
    if found is None:
        return Ordinals()
    steps, ordinal = found
    read = reads_of(nodes[key(steps.assets[0]), steps.trial], ordinal, nodes.values(), catalog, now)
    ranges: list[Range] = []
    for each in planned:
        made = [key(id_) for id_ in each.assets]
        of = nodes.get((made[0], each.trial))
        if each.action is Action.BLOCKED or of is None:
            continue
        wanted = [read[slot] for slot in map(of.slot, made) if slot in read]
        for ordinals in wanted:
            ranges += _numbers(each, ordinals)
    return Ordinals.of_ranges(ranges)


def reads_of(node: Node, ordinal: int, nodes: Iterable[Node], catalog: Catalog, now: datetime) -> dict[Slot, Ordinals]:
    """What one partition of the node reads, of these nodes' slots, also behind views. Cost: as `ordinals_read`."""
    views = {view.slot(view.keys[0]): view for view in nodes if view.origin is Origin.VIRTUAL}
    read: dict[Slot, Ordinals] = {}
    for slot, ordinals in _reads(node, Ordinals.between(ordinal, ordinal + 1), views, catalog, now):
        read[slot] = read.get(slot, Ordinals()) | ordinals
    return read


def _reads(
    node: Node, ordinals: Ordinals, views: Mapping[Slot, Node], catalog: Catalog, now: datetime
) -> Iterator[tuple[Slot, Ordinals]]:
    for input_ in node.task.inputs:
        if input_.asset not in catalog.assets:
            continue
        slot, up = node.slot(input_.asset), catalog[input_.asset].partitions
        read = ordinals_read(input_, up, node.assets[0].partitions, ordinals, now)
        if slot in views:
            yield from _reads(views[slot], read, views, catalog, now)
        else:
            yield slot, read


def _numbers(steps: PlannedSteps, wanted: Ordinals) -> Iterator[Range]:
    """The numbers of these steps for such partitions."""
    number = steps.first
    for start, stop in Ordinals.parse(steps.partitions).ranges:
        for first, end in (wanted & Ordinals.between(start, stop)).ranges:
            yield number + first - start, number + end - start
        number += stop - start


def first_of(numbers: Ordinals, most: int) -> list[int]:
    """The first of these numbers."""
    return list(islice(numbers, most))
