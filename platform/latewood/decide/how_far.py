"""How far a run is: what it has planned and what became of its steps, as ranges of partitions. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple

from latewood.events import Action, PlannedSteps
from latewood.model.keys import AssetId
from latewood.model.ordinals import Ordinals, Range

WAITING: Final = "waiting"
"""What nobody has begun."""

NOT_BEGUN: Final = "not begun"
"""What nobody had begun when its run was over, and nobody is going to."""

ENDED: Final = ("succeeded", "reused", "refused", "failed", "skipped")
"""How a step stands for which nothing is to be run any more; the other ones are under way, or waiting."""

_OWN_MS: Final = 5.0
"""About what a step takes besides its function; all that one takes of which an earlier result is taken."""

_GOES_ON: Final = ("retrying", "running")
_ORDER: Final = (*ENDED, "cancelled", "interrupted", *_GOES_ON, WAITING, NOT_BEGUN)


class Stretch(NamedTuple):
    """Neighbouring steps of a run, `first` to `last`, that stand alike."""

    status: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSteps:
    """The steps of one task: how many there are by status, and of which partitions.

    In a sweep a partition has a step for each of the task's `trials`, so there may be more steps than partitions.
    """

    assets: tuple[AssetId, ...]
    counts: Mapping[str, int]
    ordinals: Mapping[str, Ordinals]
    trials: int = 1

    @property
    def total(self) -> int:
        """How many steps it has in the run."""
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        """How many of them have."""
        return sum(self.counts.get(status, 0) for status in ENDED)


class _Piece(NamedTuple):
    """Planned steps in a row that are of partitions in a row."""

    first: int
    ordinals: Range
    assets: tuple[AssetId, ...]
    trial: int


def steps_by_task(planned: Iterable[PlannedSteps], stretches: Iterable[Stretch], *, ended: str = "") -> list[TaskSteps]:
    """How far each task of the plan is, in the plan's order. Cost: O(ranges), however many steps there are.

    Of a run that has `ended`, cancelled say, what was going on has ended so too, and nothing waits any more.
    """
    found = (
        stretch._replace(status=ended) if ended and stretch.status in _GOES_ON else stretch for stretch in stretches
    )
    told = sorted(found, key=lambda stretch: stretch.first)
    not_told = NOT_BEGUN if ended else WAITING
    ranges: dict[tuple[AssetId, ...], dict[str, list[Range]]] = {}
    trials: dict[tuple[AssetId, ...], set[int]] = {}
    at = 0
    for piece in sorted(_pieces(planned)):
        by_status = ranges.setdefault(piece.assets, {})
        trials.setdefault(piece.assets, set()).add(piece.trial)
        number, shift = piece.first, piece.ordinals[0] - piece.first
        stop = piece.ordinals[1] - shift
        while number < stop:
            while at < len(told) and told[at].last < number:
                at += 1
            here = told[at] if at < len(told) and told[at].first < stop else None
            if here is None:
                status, until = not_told, stop
            elif here.first > number:
                status, until = not_told, here.first
            else:
                status, until = here.status, min(stop, here.last + 1)
            by_status.setdefault(status, []).append((number + shift, until + shift))
            number = until
    return [_steps_of(assets, by_status, len(trials[assets])) for assets, by_status in ranges.items()]


def planned_steps(planned: Iterable[PlannedSteps]) -> int:
    """How many steps that are. Cost: O(ranges)."""
    return sum(piece.ordinals[1] - piece.ordinals[0] for piece in _pieces(planned))


def _pieces(planned: Iterable[PlannedSteps]) -> Iterator[_Piece]:
    for steps in planned:
        number = steps.first
        for start, stop in Ordinals.parse(steps.partitions).ranges if steps.action is not Action.BLOCKED else ():
            yield _Piece(number, (start, stop), steps.assets, steps.trial)
            number += stop - start


def _steps_of(assets: tuple[AssetId, ...], by_status: Mapping[str, list[Range]], trials: int) -> TaskSteps:
    found = {status: by_status[status] for status in sorted(by_status, key=_ORDER.index)}
    return TaskSteps(
        assets=assets,
        counts={status: sum(stop - start for start, stop in ranges) for status, ranges in found.items()},
        ordinals={status: Ordinals.of_ranges(ranges) for status, ranges in found.items()},
        trials=trials,
    )


def planned_for(planned: Iterable[PlannedSteps], step: int) -> tuple[PlannedSteps, int] | None:
    """What was planned for the step, and which of those partitions it is of. Cost: O(ranges)."""
    for steps in planned:
        if steps.action is not Action.BLOCKED and steps.first <= step:
            rest = step - steps.first
            for start, stop in Ordinals.parse(steps.partitions).ranges:
                if rest < stop - start:
                    return steps, start + rest
                rest -= stop - start
    return None


class Ended(NamedTuple):
    """Steps of one task that have ended of late: how many, and what one took in milliseconds, on average."""

    assets: tuple[AssetId, ...]
    steps: int
    mean_ms: float


def time_left(
    tasks: Iterable[TaskSteps], ended: Collection[Ended], before: Mapping[AssetId, float], within: timedelta
) -> timedelta | None:
    """How long the rest takes if it goes on as within this time, in which these steps ended.

    Not all tasks take alike, and those of one kind come together: work is counted, not steps. What a step takes is what
    steps of its task took of late, else `before`, by the first asset in milliseconds, else as usual. None where nothing
    ended, nothing is left, or most of what is left is of tasks of which nobody knows what they take.
    """
    costs = {of.assets: of.mean_ms + _OWN_MS for of in ended}
    done = sum(of.steps * costs[of.assets] for of in ended)
    left: dict[tuple[AssetId, ...], int] = {}
    for task in tasks:
        left[task.assets] = left.get(task.assets, 0) + task.total - task.ended
    for assets in left:
        if assets not in costs and assets[0] in before:
            costs[assets] = before[assets[0]] + _OWN_MS
    unknown = sum(count for assets, count in left.items() if assets not in costs)
    remaining = sum(left.values())
    if not done or not remaining or 2 * unknown > remaining:
        return None
    usual = done / sum(of.steps for of in ended)
    return within * (sum(count * costs.get(assets, usual) for assets, count in left.items()) / done)
