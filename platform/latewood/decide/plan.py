"""The plan of a run, as data: dry run, explanation, estimate and execution consume the same object.

`plan` is pure. Of each selected asset partition it says: *fresh* (nothing to do), *reuse* (an earlier version is
what would be computed), *run*, *depends* (only the content of something that runs before it can tell), *skip* (it is in
a branch that is not taken), or *blocked* (it reads what neither exists nor is going to be made, or what a blocking
check refuses). What waits for values of parameters that have no default is left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, NamedTuple

from latewood.decide.actions import Asked, Contents, Kind, decide
from latewood.decide.awaiting import awaiting
from latewood.decide.bearing import bearing_on
from latewood.decide.columns import Column, Read, column_of, reader, withheld_roots
from latewood.decide.nodes import Node, Slot, nodes_of
from latewood.decide.reasons import Cause, Reason, are_forced
from latewood.decide.state import State, VersionFacts
from latewood.decide.sweep import NO_SWEEP, Sweep
from latewood.events import Action
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey
from latewood.model.mappings import downstream_ordinals
from latewood.model.ordinals import Ordinals


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for: assets, which of their partitions, and values of parameters.

    `failed`: the last attempt of each has, so that what is as it should be is run all the same, unless a check refuses
    it: that would be refused again. Of the `unjudged` of these just a check failed that raised, or was edited since: it
    is asked, and nothing else is run for that. `elsewhere` was asked for too, by location, and is left out: only its
    own file's code can make it.
    """

    selected: frozenset[AssetKey]
    partitions: Mapping[AssetKey, Ordinals] = field(default_factory=dict)
    parameters: Sweep = NO_SWEEP
    force: bool = False
    failed: bool = False
    unjudged: Mapping[AssetKey, Ordinals] = field(default_factory=dict)
    elsewhere: Mapping[str, tuple[AssetKey, ...]] = field(default_factory=dict)


class Planned(NamedTuple):
    """Partitions of one task for which the same is planned, for the same reasons.

    Their steps are numbered `first`, `first + 1`, … in the order of the ordinals; nothing that is fresh or blocked
    has a step. Groups of a task that reads its own earlier partitions follow each other without overlap.
    """

    action: Action
    ordinals: Ordinals
    reasons: tuple[Reason, ...]
    first: int


class PlannedTask(NamedTuple):
    """One task of the plan, with the parameters of one trial of a sweep."""

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

    @property
    def is_forced(self) -> bool:
        """Whether it is run whatever could be taken in its place."""
        return are_forced(self.reasons)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Tasks in topological order with what is planned for their partitions; in a sweep one entry for each trial.

    `awaiting` are the selected assets that are left out, each with the parameters that must be given first. `views`
    are the virtual assets above what is selected: steps may read them, and none makes them.
    """

    tasks: tuple[PlannedTask, ...]
    state: State
    request: Request
    awaiting: Mapping[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    views: tuple[Node, ...] = ()

    @cached_property
    def counts(self) -> Mapping[Action, int]:
        """Number of partitions by action, counted once."""
        counts = dict.fromkeys(Action, 0)
        for task in self.tasks:
            for group in task.groups:
                counts[group.action] += len(group.ordinals)
        return counts

    @property
    def length(self) -> int:
        """Number of steps."""
        return sum(count for action, count in self.counts.items() if action not in _STEPLESS)

    @property
    def has_jobs(self) -> bool:
        """Whether any of what may be run is a job in another system."""
        jobs = [task for task in self.tasks if task.node.task.runs_on is not None]
        return any(group.action not in _STEPLESS for task in jobs for group in task.groups)

    def steps(self) -> Iterator[Step]:
        """Steps in the order of their numbers: by task, topologically."""
        for task in self.tasks:
            partitions = task.node.partitions(self.state)
            for group in task.groups:
                if group.action in _STEPLESS:
                    continue
                for index, ordinal in enumerate(group.ordinals):
                    yield Step(
                        number=group.first + index,
                        task=task,
                        ordinal=ordinal,
                        partition=partitions[ordinal],
                        action=group.action,
                        reasons=group.reasons,
                    )


def plan(catalog: Catalog, request: Request, state: State, nodes: Sequence[Node] | None = None) -> Plan:
    """What bringing the selected partitions up to date means in this state. Pure.

    Order: topological. Minimal: whatever is known to equal a head or a reusable version is not run.
    `nodes` are `nodes_of` the same arguments, for who has them already. Of the state's heads only those that bear on
    what is selected matter (`latewood.decide.bearing`).
    Cost: O(assets + edges + partitions of what is selected and all above it).
    """
    waiting = awaiting(catalog, request.parameters.given)
    left_out = {key: names for key, names in waiting.items() if key in request.selected}
    asked = replace(request, selected=request.selected - left_out.keys()) if left_out else request
    columns: dict[Slot, Column] = {}
    tasks: list[PlannedTask] = []
    views: list[Node] = []
    number = 0
    reached = bearing_on(catalog, asked.selected)
    for node in nodes_of(catalog, state, request.parameters, request.selected) if nodes is None else nodes:
        if reached.isdisjoint(node.keys):
            continue
        for index, key in enumerate(node.keys):
            column = columns[key, node.trial] = column_of(node, index, catalog, columns, state)
            if node.trial:
                columns.setdefault((key, ()), column)  # an output that is not asked for is read as it is
        if node.origin is not Origin.MADE or asked.selected.isdisjoint(node.keys):
            if node.origin is Origin.VIRTUAL:
                views.append(node)
            continue
        node = node.only(asked.selected)  # noqa: PLW2901 - from here on the part of it that is asked for
        groups: list[Planned] = []
        for (action, reasons), ordinals in _plan_node(node, catalog, asked, state, columns):
            groups.append(Planned(action, ordinals, reasons, number))
            if action not in _STEPLESS:
                number += len(ordinals)
        tasks.append(PlannedTask(node, tuple(groups)))
    return Plan(tasks=tuple(tasks), state=state, request=request, awaiting=left_out, views=tuple(views))


def fresh_again(made: Plan) -> Mapping[AssetKey, Mapping[AssetKey, Ordinals]]:
    """What the plan leaves as it is only because others that are stale now are taken again, as after a rollback.

    By the first asset of a task, by the asset that is taken, which partitions are fresh by that. Cost: O(edges).
    """
    taken: dict[AssetKey, dict[AssetKey, Ordinals]] = {}
    schemes = {key: task.node.assets[0].partitions for task in made.tasks for key in task.node.keys}
    found: dict[AssetKey, Mapping[AssetKey, Ordinals]] = {}
    for task in made.tasks:
        by_root: dict[AssetKey, Ordinals] = {}
        for input_ in task.node.task.inputs:
            for root, ordinals in taken.get(input_.asset, {}).items():
                up, down = schemes[input_.asset], schemes[task.node.keys[0]]
                readers = downstream_ordinals(input_.mapping, up, down, ordinals, made.state.now)
                by_root[root] = by_root.get(root, Ordinals()) | readers
        fresh = task.ordinals(Action.FRESH)
        left = {root: ordinals & fresh for root, ordinals in by_root.items() if ordinals & fresh}
        found[task.node.keys[0]] = left
        moved = Ordinals()
        for group in task.groups:
            if group.action is Action.REUSE and any(reason.cause not in _AS_IT_IS for reason in group.reasons):
                moved |= group.ordinals
        for key in task.node.keys:
            taken[key] = {**left, key: moved} if moved else left
    return found


_AS_IT_IS: Final = (Cause.UNCHECKED, Cause.ELSEWHERE, Cause.REFUSED)
"""For what alone a head is taken again as it is: those that read it are as stale, or as fresh, as they were."""


def selected_ordinals(node: Node, request: Request, state: State) -> Ordinals:
    """Partitions of the node's assets that the request asks for."""
    everything = node.existing(state)
    if not request.partitions:
        return everything
    asked = [request.partitions.get(key, everything) for key in node.keys if key in request.selected]
    if all(ordinals is everything for ordinals in asked):
        return everything
    return Ordinals.of_ranges(r for ordinals in asked for r in ordinals.ranges) & everything


_STEPLESS: Final = (Action.FRESH, Action.BLOCKED)


class _Partitions(NamedTuple):
    """The partitions of one task while it is planned: what they read, and the columns that become what will be."""

    asked: Asked
    unjudged: Ordinals
    read_at: Callable[[int], Read]
    own: Sequence[Column]
    catalog: Catalog
    columns: Mapping[Slot, Column]
    state: State

    def plan(self, ordinal: int, partition: PartitionKey, heads: Sequence[VersionFacts | None]) -> Kind:
        """What is planned for one of them; those that it reads were planned before."""
        read = self.read_at(ordinal)
        kind: Kind
        contents: Contents
        if read.untaken:
            # A step all the same: the run records that it was skipped, and why.
            untaken = (Reason(Cause.UNTAKEN, read.untaken[0]),)
            kind, contents = (Action.SKIP, untaken), (untaken,) * len(self.own)
        elif read.missing:
            # Not even an older version of it is read: a run stands on what it could bring up to date, or on nothing.
            node, missing = self.asked.node, read.missing
            roots = withheld_roots(node, ordinal, missing, self.catalog, self.columns, self.state)
            kind, contents = (Action.BLOCKED, roots), (roots,) * len(self.own)
        else:
            asked = self.asked._replace(failed=False) if ordinal in self.unjudged else self.asked
            kind, contents = decide(asked, partition, read, heads, self.state)
        if contents is not None:
            for column, content in zip(self.own, contents, strict=True):
                if isinstance(content, tuple):
                    column.data[ordinal], column.withheld[ordinal] = None, content
                else:
                    column.data[ordinal] = content
                    column.withheld.pop(ordinal, None)
        return kind


def _plan_node(
    node: Node, catalog: Catalog, request: Request, state: State, columns: dict[Slot, Column]
) -> list[tuple[Kind, Ordinals]]:
    """What is planned for the partitions, by kind; the columns become what will be there afterwards."""
    ordinals = selected_ordinals(node, request, state)
    asked = Asked.of(node, request.selected, state, force=request.force, failed=request.failed)
    own = [columns[key, node.trial] for key in node.keys]
    unjudged = Ordinals.of_ranges(r for key in node.keys for r in request.unjudged.get(key, Ordinals()).ranges)
    partitions = _Partitions(asked, unjudged, reader(node, catalog, columns, state), own, catalog, columns, state)
    heads = [state.heads.get(id_, _NO_HEADS) for id_ in node.ids]
    if node.assets[0].partitions is None:
        found = [of_asset.get(UNPARTITIONED) for of_asset in heads]
        return [(partitions.plan(0, UNPARTITIONED, found), ordinals)] if ordinals else []
    in_turn = not catalog.graph.self_dependent.isdisjoint(node.keys)
    names = node.partitions(state)
    groups: list[tuple[Kind, list[int]]] = []
    by_kind: dict[Kind, list[int]] = {}
    group: list[int] = []
    last: Kind | None = None
    for ordinal in ordinals:
        name = names[ordinal]
        kind = partitions.plan(ordinal, name, [of_asset.get(name) for of_asset in heads])
        if kind != last:
            # A partition that reads earlier ones comes after them: there, groups never overlap.
            known = None if in_turn else by_kind.get(kind)
            if known is None:
                known = by_kind[kind] = []
                groups.append((kind, known))
            group, last = known, kind
        group.append(ordinal)
    if len(groups) == 1:
        return [(groups[0][0], ordinals)]
    return [(kind, Ordinals.from_sorted(group)) for kind, group in groups]


_NO_HEADS: Final[Mapping[PartitionKey, VersionFacts]] = {}
