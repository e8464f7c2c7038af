"""Heads that somebody has set by hand, and that carrying out a plan would replace: who runs it should know before."""

from dataclasses import dataclass
from typing import Final

from latewood.commands.workspace import Workspace
from latewood.decide.moves import Moved, moved_by
from latewood.decide.plan import Plan, Planned
from latewood.decide.reasons import Cause
from latewood.events import Action, from_json
from latewood.model.keys import AssetId, AssetKey
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, is_partition, ordinal_of
from latewood.model.schemes import Scheme
from latewood.projections.snapshots import snapshot
from latewood.projections.states import NOW
from latewood.projections.statistics import heads_by_hand
from latewood_eventlog.records import Position

_STAYS: Final = frozenset({Cause.UNCHECKED, Cause.ELSEWHERE, Cause.REFUSED})
"""For these reasons alone a head is taken again, and none other comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetByHand:
    """An asset whose head one event set, or those of these partitions, as ranges in words."""

    asset: AssetKey
    partitions: str
    moved: Moved


def set_by_hand(workspace: Workspace, made: Plan, as_of: Position = NOW) -> list[SetByHand]:
    """The heads that were rolled back to, or promoted version by version, and that the plan replaces; in its order.

    Those that a branch has from its base are not among them: there they stay. Cost: O(heads of what is to be made) in
    the server, where any was ever moved so.
    """
    due: dict[AssetId, tuple[AssetKey, Scheme | None, Ordinals]] = {}
    for task in () if not made.length else made.tasks:
        replaced = Ordinals.of_ranges(r for group in task.groups if _replaces(group) for r in group.ordinals.ranges)
        if replaced and not task.node.is_variant:
            for asset, id_ in zip(task.node.assets, task.node.ids, strict=True):
                due[id_] = (asset.key, asset.partitions, replaced)
    if not due:
        return []
    with snapshot(workspace.log) as connection:
        rows = heads_by_hand(connection, workspace.project, workspace.environment, due, as_of)
    found: dict[tuple[AssetId, Position], list[int]] = {}
    for id_, partition, position in rows:
        _, scheme, replaced = due[id_]
        if is_partition(scheme, partition) and (ordinal := ordinal_of(scheme, partition)) in replaced:
            found.setdefault((id_, position), []).append(ordinal)
    events = {e.position: e for e in workspace.log.read_positions(sorted({position for _, position in found}))}
    order = {id_: index for index, id_ in enumerate(due)}
    told: list[SetByHand] = []
    for (id_, position), ordinals in sorted(found.items(), key=lambda item: (order[item[0][0]], item[0][1])):
        event, (key, scheme, _) = events[position], due[id_]
        moved = moved_by(
            from_json(event.type, event.data), id_, position=position, at=event.occurred_at, actor=event.actor
        )
        assert moved is not None, "the event is of heads that were moved"
        partitions = "" if scheme is None else describe(scheme, Ordinals.of(ordinals))
        told.append(SetByHand(asset=key, partitions=partitions, moved=moved))
    return told


def _replaces(group: Planned) -> bool:
    if group.action is Action.REUSE:
        return not _STAYS.issuperset(reason.cause for reason in group.reasons)
    return group.action in (Action.RUN, Action.DEPENDS)
