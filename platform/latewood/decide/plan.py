"""The plan of a run, as data: dry run, explanation, estimate and execution consume the same object.

`plan` is pure. Of each selected asset partition it says: *fresh* (nothing to do), *reuse* (an earlier version is
what would be computed), *run*, *depends* (only the content of something that runs before it can tell), or *blocked*
(it reads what neither exists nor is selected).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from latewood.decide.judge import (
    PENDING,
    Cause,
    Column,
    Node,
    Read,
    Reason,
    differences,
    head_column,
    nodes_of,
    reader,
)
from latewood.decide.keys import reuse_key
from latewood.decide.state import State, VersionFacts
from latewood.events import Action
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.ordinals import Ordinals
from latewood.model.policies import Reuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for: assets, which of their partitions, and parameter values by asset."""

    selected: frozenset[AssetKey]
    partitions: Mapping[AssetKey, Ordinals] = field(default_factory=dict)
    parameters: Mapping[AssetKey, Mapping[str, Any]] = field(default_factory=dict)
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Partitions of one task for which the same is planned, for the same reasons.

    Their steps are numbered `first`, `first + 1`, … in the order of the ordinals; nothing that is fresh or blocked
    has a step.
    """

    action: Action
    ordinals: Ordinals
    reasons: tuple[Reason, ...]
    first: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTask:
    """One task of the plan."""

    node: Node
    groups: tuple[Planned, ...]

    def ordinals(self, action: Action) -> Ordinals:
        """All partitions with that action."""
        found = Ordinals()
        for group in self.groups:
            if group.action is action:
                found |= group.ordinals
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One execution of a task for one partition."""

    number: int
    task: PlannedTask
    ordinal: int
    partition: PartitionKey
    action: Action
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Tasks in topological order with what is planned for their partitions."""

    tasks: tuple[PlannedTask, ...]
    state: State
    request: Request

    def counts(self) -> dict[Action, int]:
        """Number of partitions by action."""
        counts = dict.fromkeys(Action, 0)
        for task in self.tasks:
            for group in task.groups:
                counts[group.action] += len(group.ordinals)
        return counts

    def steps(self) -> Iterator[Step]:
        """Steps in the order of their numbers: by task, topologically."""
        for task in self.tasks:
            for group in task.groups:
                if group.action in (Action.FRESH, Action.BLOCKED):
                    continue
                for index, ordinal in enumerate(group.ordinals):
                    yield Step(
                        number=group.first + index,
                        task=task,
                        ordinal=ordinal,
                        partition=task.node.partition_key(ordinal),
                        action=group.action,
                        reasons=group.reasons,
                    )


def plan(catalog: Catalog, request: Request, state: State) -> Plan:
    """What bringing the selected partitions up to date means in this state. Pure.

    Order: topological. Minimal: whatever is known to equal a head or a reusable version is not run.
    Cost: O(assets + edges + selected partitions + partitions read).
    """
    columns: dict[AssetKey, Column] = {}
    tasks: list[PlannedTask] = []
    number = 0
    for node in nodes_of(catalog, state, request.parameters):
        for asset, id_ in zip(node.assets, node.ids, strict=True):
            columns[asset.key] = head_column(asset, id_, state)
        if request.selected.isdisjoint(node.keys):
            continue
        node = node.only(request.selected)  # noqa: PLW2901 - from here on the part of it that is asked for
        groups = _plan_node(node, catalog, request, state, columns)
        planned: list[Planned] = []
        for (action, reasons), ordinals in groups.items():
            planned.append(Planned(action=action, ordinals=ordinals, reasons=reasons, first=number))
            if action not in (Action.FRESH, Action.BLOCKED):
                number += len(ordinals)
        tasks.append(PlannedTask(node=node, groups=tuple(planned)))
    return Plan(tasks=tuple(tasks), state=state, request=request)


def selected_ordinals(node: Node, request: Request, state: State) -> Ordinals:
    """Partitions of the node's assets that the request asks for."""
    everything = Ordinals.between(0, node.partition_count(state))
    asked = Ordinals()
    for key in node.keys:
        if key in request.selected:
            asked |= request.partitions.get(key, everything)
    return asked & everything


def _plan_node(
    node: Node,
    catalog: Catalog,
    request: Request,
    state: State,
    columns: dict[AssetKey, Column],
) -> dict[tuple[Action, tuple[Reason, ...]], Ordinals]:
    read_at = reader(node, catalog, columns, state)
    heads = [state.heads.get(id_, {}) for id_ in node.ids]
    own = [columns[key] for key in node.keys]
    groups: dict[tuple[Action, tuple[Reason, ...]], list[int]] = {}
    for ordinal in selected_ordinals(node, request, state):
        partition = node.partition_key(ordinal)
        found = [by_partition.get(partition) for by_partition in heads]
        read = read_at(ordinal)
        action, reasons, taken = _decide(node, partition, read, found, request, state)
        groups.setdefault((action, reasons), []).append(ordinal)
        for column, facts in zip(own, taken, strict=True):
            if action is Action.BLOCKED:
                column.settled[ordinal] = False
            else:
                column.data[ordinal] = PENDING if facts is None else facts.data_version
                column.settled[ordinal] = facts is not None
    return {kind: Ordinals.from_sorted(ordinals) for kind, ordinals in groups.items()}


_Taken = tuple[VersionFacts | None, ...]


def _decide(
    node: Node,
    partition: PartitionKey,
    read: Read,
    heads: list[VersionFacts | None],
    request: Request,
    state: State,
) -> tuple[Action, tuple[Reason, ...], _Taken]:
    """Action, reasons, and the versions that will be there afterwards as far as they are known."""
    unknown: _Taken = (None,) * len(heads)
    if read.missing:
        return Action.BLOCKED, tuple(Reason(Cause.UPSTREAM, key) for key in read.missing), unknown
    if request.force:
        return Action.RUN, (Reason(Cause.FORCED),), unknown
    present = [head for head in heads if head is not None]
    reasons = _reasons(node, present, read, state) if len(present) == len(heads) else (Reason(Cause.MISSING),)
    if not reasons:
        return Action.FRESH, (), tuple(heads)
    if node.task.reuse.is_off or Cause.REUSE_OFF in {reason.cause for reason in reasons}:
        return Action.RUN, reasons, unknown
    if read.digest is None:
        # Nothing was ever made by this logic, or by it there may be an equal result: only the content can tell.
        certain = node.logic not in state.logics
        return (Action.RUN if certain else Action.DEPENDS), reasons, unknown
    if (taken := reusable(node, partition, read.digest, state)) is not None:
        return Action.REUSE, reasons, taken
    return Action.RUN, reasons, unknown


def _reasons(node: Node, heads: list[VersionFacts], read: Read, state: State) -> tuple[Reason, ...]:
    """Why the heads, all present, are not to be left as they are."""
    head = heads[0]
    reasons = [reason for present in heads for reason in differences(present, node, read)]
    if node.task.reuse.is_off or not head.reuse_key:
        reasons.append(Reason(Cause.REUSE_OFF))
    elif has_expired(head, node.task.reuse, state):
        reasons.append(Reason(Cause.EXPIRED))
    if any(present.artifact in state.lost for present in heads):
        reasons.append(Reason(Cause.LOST))
    reasons.extend(Reason(Cause.UPSTREAM, key) for key in read.pending)
    return tuple(dict.fromkeys(reasons))


def reusable(node: Node, partition: PartitionKey, inputs: str, state: State) -> tuple[VersionFacts, ...] | None:
    """One accepted version per output made under this very key, or None."""
    key = reuse_key(node.logic, inputs, partition)
    found = [state.reusable.get((key, asset.output)) for asset in node.assets]
    usable = [
        facts
        for facts in found
        if facts is not None and facts.artifact not in state.lost and not has_expired(facts, node.task.reuse, state)
    ]
    return tuple(usable) if len(usable) == len(found) else None


def has_expired(facts: VersionFacts, reuse: Reuse, state: State) -> bool:
    """True for a version older than the task's reuse window. Where reuse is off, age says nothing."""
    return reuse.window is not None and not reuse.is_off and state.now - facts.made_at > reuse.window
