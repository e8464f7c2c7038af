"""Partition-wise tasks, called for neighbours at once: what they read over them, and what each partition gets of it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from latewood.context import Output
from latewood.decide.nodes import Node
from latewood.decide.plan import Step
from latewood.decide.state import VersionFacts
from latewood.engine.running.binding import Bound
from latewood.engine.values.edge import check_value
from latewood.engine.values.splitting import split
from latewood.errors import ValueRefused
from latewood.model.keys import PartitionKey
from latewood.model.ordinals import Ordinals


class Due(NamedTuple):
    """A step that is to be run, what it reads, and the digest of that.

    It may wait `until` then to begin. Whether it is `under_way` elsewhere, and was until then.
    """

    step: Step
    bound: list[Bound]
    inputs: str
    until: datetime | None = None
    under_way: bool = False


class Neighbours:
    """Steps that wait to be run in one call: of one task, one partition after the other, as many as it takes."""

    def __init__(self) -> None:
        self._due: list[Due] = []

    @property
    def any(self) -> bool:
        """Whether one waits."""
        return bool(self._due)

    def may_be_joined_by(self, step: Step) -> bool:
        """Whether the step could go with those that wait; True of any where none does."""
        if not self._due:
            return True
        last, room = self._due[-1].step, step.task.node.task.partitions_per_step
        return step.task is last.task and step.ordinal == last.ordinal + 1 and self._has_room(room)

    def has_room_behind(self, step: Step) -> bool:
        """Whether the partition after this step's, the last that waits, could go with those that wait."""
        task = step.task.node.task
        return task.is_partition_wise and bool(self._due) and self._has_room(task.partitions_per_step)

    def _has_room(self, room: int) -> bool:
        return len(self._due) < room and not self._due[-1].under_way

    def add(self, due: Due) -> None:
        """One more waits."""
        self._due.append(due)

    def taken(self) -> list[Due]:
        """Those that wait, which then wait no more."""
        due, self._due = self._due, []
        return due


def stretches(due: Sequence[Due]) -> Iterator[list[Due]]:
    """These steps in stretches without a gap."""
    part: list[Due] = []
    for one in due:
        if part and one.step.ordinal != part[-1].step.ordinal + 1:
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def read_together(bounds: Sequence[list[Bound]]) -> list[Bound]:
    """What the steps read through each input, as one: every version once, in the order of the partitions."""
    if len(bounds) == 1:
        return bounds[0]
    together = []
    for of_input in zip(*bounds, strict=True):
        versions: dict[PartitionKey, VersionFacts] = {key: facts for bound in of_input for key, facts in bound.versions}
        ordinals = Ordinals.of_ranges(r for bound in of_input for r in bound.ordinals.ranges)
        together.append(Bound(of_input[0].input, ordinals, tuple(versions.items())))
    return together


def apart(
    named: Mapping[str, Any], annotations: Mapping[str, Any], node: Node, ordinals: Sequence[int]
) -> list[dict[str, Any]]:
    """What each partition gets of a result for all of them, by output. Raises ValueRefused.

    Also of one partition: what is split comes out the same however many there were.
    """
    scheme = node.assets[0].partitions
    assert scheme is not None, "refused when definitions load"
    parts: list[dict[str, Any]] = [{} for _ in ordinals]
    for output in node.task.outputs:
        if output.name not in named:
            continue
        subject, result = f'output of "{output.asset}"', named[output.name]
        whole = result if isinstance(result, Output) else Output(result)
        if whole.data_version is not None:
            raise ValueRefused(f"{subject}: expected no data version, since the result is split; found one")
        table = check_value(whole.value, annotations[output.name], subject=subject)
        tables = split(table, node.task.partition_column, scheme, ordinals, subject=subject)
        for part, rows in zip(parts, tables, strict=True):
            part[output.name] = Output(rows, whole.metadata)
    return parts
