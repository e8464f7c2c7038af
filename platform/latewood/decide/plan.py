"""The plan of a run, as data: dry run, explanation, estimate and execution consume the same object.

`plan` is pure. Of each selected asset partition it says: *fresh* (nothing to do), *reuse* (an earlier version is
what would be computed), *run*, *depends* (only the content of something that runs before it can tell), or *blocked*
(it reads what neither exists nor is going to be made).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from latewood.decide.judge import (
    PENDING,
    Cause,
    Column,
    Node,
    Read,
    Reason,
    differences,
    has_expired,
    head_column,
    nodes_of,
    reader,
)
from latewood.decide.keys import reuse_key
from latewood.decide.state import State, VersionFacts
from latewood.events import Action
from latewood.model.definitions import AssetDefinition, Catalog
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.ordinals import Ordinals


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
    has a step. Groups of a task that reads its own earlier partitions follow each other without overlap.
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
        columns |= {key: head_column(node, index, state) for index, key in enumerate(node.keys)}
        if request.selected.isdisjoint(node.keys):
            continue
        node = node.only(request.selected)  # noqa: PLW2901 - from here on the part of it that is asked for
        groups: list[Planned] = []
        for (action, reasons), ordinals in _plan_node(node, catalog, request, state, columns):
            group = Planned(action=action, ordinals=Ordinals.from_sorted(ordinals), reasons=reasons, first=number)
            groups.append(group)
            if action not in (Action.FRESH, Action.BLOCKED):
                number += len(ordinals)
        tasks.append(PlannedTask(node=node, groups=tuple(groups)))
    return Plan(tasks=tuple(tasks), state=state, request=request)


def selected_ordinals(node: Node, request: Request, state: State) -> Ordinals:
    """Partitions of the node's assets that the request asks for."""
    everything = Ordinals.between(0, node.partition_count(state))
    asked = Ordinals()
    for key in node.keys:
        if key in request.selected:
            asked |= request.partitions.get(key, everything)
    return asked & everything


_Kind = tuple[Action, tuple[Reason, ...]]


def _plan_node(
    node: Node, catalog: Catalog, request: Request, state: State, columns: dict[AssetKey, Column]
) -> list[tuple[_Kind, list[int]]]:
    """What is planned for the partitions, by kind; the columns become what will be there afterwards."""
    read_at = reader(node, catalog, columns, state)
    partitions = node.partitions(state)
    heads = [state.heads.get(id_, {}) for id_ in node.ids]
    own = [columns[key].data for key in node.keys]
    made = {output.asset for output in node.task.outputs}
    in_turn = any(input_.asset in made for input_ in node.task.inputs)
    groups: list[tuple[_Kind, list[int]]] = []
    current: dict[_Kind, list[int]] = {}
    for ordinal in selected_ordinals(node, request, state):
        partition = partitions[ordinal]
        found = [by_partition.get(partition) for by_partition in heads]
        action, reasons, contents = _decide(node, partition, read_at(ordinal), found, request, state)
        kind = (action, reasons)
        if kind not in current:
            if in_turn:
                current.clear()  # a partition that reads earlier ones comes after them: groups never overlap
            current[kind] = []
            groups.append((kind, current[kind]))
        current[kind].append(ordinal)
        for data, content in zip(own, contents, strict=True):
            data[ordinal] = content
    return groups


_Contents = tuple[str | None, ...]
"""By output: the data version that will be there, PENDING while nobody knows it, None if there will be none."""


def _decide(
    node: Node,
    partition: PartitionKey,
    read: Read,
    heads: Sequence[VersionFacts | None],
    request: Request,
    state: State,
) -> tuple[Action, tuple[Reason, ...], _Contents]:
    """What is planned for one partition, why, and what will be there afterwards."""
    if read.missing:
        # Not even an older version of it is read: a run stands on what it could bring up to date, or on nothing.
        reasons = tuple(Reason(Cause.UPSTREAM, key) for key in dict.fromkeys(read.missing))
        return Action.BLOCKED, reasons, (None,) * len(heads)
    unknown: _Contents = (PENDING,) * len(heads)
    if request.force:
        return Action.RUN, (Reason(Cause.FORCED),), unknown
    reasons = _reasons(node, read, heads, request, state)
    if not reasons and not read.pending:
        return Action.FRESH, (), tuple([_left(a, h, request, state) for a, h in zip(node.assets, heads, strict=True)])
    if node.task.reuse.is_off or _REUSE_OFF in reasons:
        return Action.RUN, reasons, unknown
    if read.digest is None:
        if node.logic in state.logics or any(head and head.logic == node.logic for head in heads):
            # By this logic there may be an equal result: only the content can tell.
            reasons += tuple([Reason(Cause.UPSTREAM, key) for key in dict.fromkeys(read.pending)])
            return Action.DEPENDS, reasons, unknown
    elif (taken := reusable(node, partition, read.digest, state)) is not None:
        # What its blocking checks refused may be refused again, so nobody knows what will be read.
        return Action.REUSE, reasons, tuple([f.data_version if f and f.accepted else PENDING for f in taken])
    return Action.RUN, reasons, unknown


_REUSE_OFF: Final = Reason(Cause.REUSE_OFF)


def _reasons(
    node: Node, read: Read, heads: Sequence[VersionFacts | None], request: Request, state: State
) -> tuple[Reason, ...]:
    """Why the heads that are asked for are not to be left as they are; what is pending aside."""
    reasons: list[Reason] = []
    found = False
    for asset, head in zip(node.assets, heads, strict=True):
        if asset.key not in request.selected or (head is None and asset.output in node.optional):
            continue
        if head is None:
            return (Reason(Cause.MISSING),)
        found = True
        reasons += differences(head, node, read, state)
        if node.task.reuse.is_off or (not head.reuse_key and head.logic == node.logic):
            reasons.append(_REUSE_OFF)
    return tuple(dict.fromkeys(reasons)) if found else (Reason(Cause.MISSING),)


def _left(asset: AssetDefinition, head: VersionFacts | None, request: Request, state: State) -> str | None:
    """What is there of an output where the task has nothing to do. An absent optional one is not blocked upstream."""
    if head is None:
        return PENDING if asset.key in request.selected else None
    return None if head.artifact in state.lost else head.data_version


def reusable(node: Node, partition: PartitionKey, inputs: str, state: State) -> tuple[VersionFacts | None, ...] | None:
    """What a step of this very key made before, by output, or None. An optional output may have been absent."""
    key = reuse_key(node.logic, inputs, partition)
    found = [state.reusable.get((key, asset.output)) for asset in node.assets]
    for asset, facts in zip(node.assets, found, strict=True):
        if facts is None:
            usable = asset.output in node.optional
        else:
            usable = facts.artifact not in state.lost and not has_expired(facts, node.task.reuse, state)
        if not usable:
            return None
    return tuple(found) if any(found) else None
