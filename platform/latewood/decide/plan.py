"""The plan of a run, as data: dry run, explanation, estimate and execution consume the same object.

`plan` is pure. Of each selected asset partition it says: *fresh* (nothing to do), *reuse* (an earlier version is
what would be computed), *run*, *depends* (only the content of something that runs before it can tell), *skip* (it is in
a branch that is not taken), or *blocked* (it reads what neither exists nor is going to be made, or what a blocking
check refuses). What waits for values of parameters that have no default is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final, NamedTuple

from latewood.decide.awaiting import awaiting
from latewood.decide.judge import (
    PENDING,
    Cause,
    Column,
    Node,
    Read,
    Reason,
    Slot,
    absent_outputs,
    column_of,
    differences,
    displaced,
    has_expired,
    nodes_of,
    reader,
    refusal,
    retracted_computation,
    retraction,
    withheld_roots,
)
from latewood.decide.keys import check_key, reuse_key
from latewood.decide.state import Retraction, State, VersionFacts
from latewood.decide.sweep import NO_SWEEP, Sweep
from latewood.events import Action
from latewood.model.definitions import AssetDefinition, Catalog, CheckDefinition, Origin
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.model.ordinals import Ordinals
from latewood.places import Address, is_placed, own_place


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked for: assets, which of their partitions, and values of parameters."""

    selected: frozenset[AssetKey]
    partitions: Mapping[AssetKey, Ordinals] = field(default_factory=dict)
    parameters: Sweep = NO_SWEEP
    force: bool = False


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Tasks in topological order with what is planned for their partitions; in a sweep one entry for each trial.

    `awaiting` are the selected assets that are left out, each with the parameters that must be given first. `views`
    are the virtual assets: steps may read them, and none makes them.
    """

    tasks: tuple[PlannedTask, ...]
    state: State
    request: Request
    awaiting: Mapping[AssetKey, tuple[str, ...]] = field(default_factory=dict)
    views: tuple[Node, ...] = ()

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
            partitions = task.node.partitions(self.state)
            for group in task.groups:
                if group.action in (Action.FRESH, Action.BLOCKED):
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
    `nodes` are `nodes_of` the same arguments, for who has them already.
    Cost: O(assets + edges + selected partitions + partitions read).
    """
    waiting = awaiting(catalog, request.parameters.given)
    left_out = {key: names for key, names in waiting.items() if key in request.selected}
    asked = replace(request, selected=request.selected - left_out.keys()) if left_out else request
    columns: dict[Slot, Column] = {}
    tasks: list[PlannedTask] = []
    views: list[Node] = []
    number = 0
    for node in nodes_of(catalog, state, request.parameters, request.selected) if nodes is None else nodes:
        for index, key in enumerate(node.keys):
            column = columns[node.slot(key)] = column_of(node, index, catalog, columns, state)
            columns.setdefault((key, ()), column)  # an output that is not asked for is read as it is
        if node.origin is Origin.VIRTUAL:
            views.append(node)
        if node.origin is not Origin.MADE or asked.selected.isdisjoint(node.keys):
            continue
        node = node.only(asked.selected)  # noqa: PLW2901 - from here on the part of it that is asked for
        groups: list[Planned] = []
        for (action, reasons), ordinals in _plan_node(node, catalog, asked, state, columns):
            groups.append(Planned(action, ordinals, reasons, number))
            if action not in _STEPLESS:
                number += len(ordinals)
        tasks.append(PlannedTask(node, tuple(groups)))
    return Plan(tasks=tuple(tasks), state=state, request=request, awaiting=left_out, views=tuple(views))


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

_Kind = tuple[Action, tuple[Reason, ...]]


def _plan_node(
    node: Node, catalog: Catalog, request: Request, state: State, columns: dict[Slot, Column]
) -> list[tuple[_Kind, Ordinals]]:
    """What is planned for the partitions, by kind; the columns become what will be there afterwards."""
    read_at = reader(node, catalog, columns, state)
    asked = _asked(node, request, state)
    own = [columns[node.slot(key)] for key in node.keys]
    made = {output.asset for output in node.task.outputs}
    in_turn = not made.isdisjoint([input_.asset for input_ in node.task.inputs])
    ordinals = selected_ordinals(node, request, state)
    groups: list[tuple[_Kind, list[int]]] = []
    by_kind: dict[_Kind, list[int]] = {}
    group: list[int] | None = None
    kind: _Kind
    last: _Kind | None = None
    contents: _Contents
    for ordinal, partition, *heads in _heads_of(node, ordinals, state):
        read = read_at(ordinal)
        if read.untaken:
            # A step all the same: the run records that it was skipped, and why.
            untaken = (Reason(Cause.UNTAKEN, read.untaken[0]),)
            kind, contents = (Action.SKIP, untaken), (untaken,) * len(own)
        elif read.missing:
            # Not even an older version of it is read: a run stands on what it could bring up to date, or on nothing.
            roots = withheld_roots(node, ordinal, read.missing, catalog, columns, state)
            kind, contents = (Action.BLOCKED, roots), (roots,) * len(own)
        else:
            kind, contents = _decide(asked, partition, read, heads, state)
        if group is None or kind != last:
            # A partition that reads earlier ones comes after them: there, groups never overlap.
            group = None if in_turn else by_kind.get(kind)
            if group is None:
                group = by_kind[kind] = []
                groups.append((kind, group))
            last = kind
        group.append(ordinal)
        if contents is None:
            continue
        for column, content in zip(own, contents, strict=True):
            column.data[ordinal] = content if isinstance(content, str) else None
            column.withheld.pop(ordinal, None)
            if isinstance(content, tuple):
                column.withheld[ordinal] = content
    if len(groups) == 1:
        return [(groups[0][0], ordinals)]
    return [(kind, Ordinals.from_sorted(group)) for kind, group in groups]


def _heads_of(
    node: Node, ordinals: Ordinals, state: State
) -> Iterator[tuple[int, PartitionKey, *tuple[VersionFacts | None, ...]]]:
    """Each of these partitions by number and name, with its head of each of the node's assets."""
    partitions = node.partitions(state)
    numbers = list(ordinals)
    names = [partitions[number] for number in numbers]
    return zip(numbers, names, *[map(state.heads.get(id_, _NO_HEADS).get, names) for id_ in node.ids], strict=True)


_CHECKS: Final = attrgetter("checks")
_NO_HEADS: Final[Mapping[PartitionKey, VersionFacts]] = {}


class _Asked(NamedTuple):
    """A task to decide about: whether each of its outputs is wanted, and whether it is to run whatever there is.

    `plain`: it has neither checks nor optional outputs. Most have none, and this is asked a hundred thousand times, as
    is whether anything is `retracted`, or lies at a place of its own (`placed`), at all.
    """

    node: Node
    wanted: tuple[bool, ...]
    force: bool
    plain: bool
    retracted: bool
    placed: bool
    reuse_off: bool


def _asked(node: Node, request: Request, state: State) -> _Asked:
    return _Asked(
        node,
        wanted=tuple([key in request.selected for key in node.keys]),
        force=request.force,
        plain=not node.optional and not any(map(_CHECKS, node.assets)),
        retracted=bool(state.retracted),
        placed=bool(state.places),
        reuse_off=node.task.reuse.is_off,
    )


_Withheld = tuple[Reason, ...]
"""Why there will be none to read: the root causes, however far above."""

_Contents = tuple[str | _Withheld | None, ...] | None
"""By output: the data version that will be there, PENDING while nobody knows it, or why there will be none; None where
it was never made. None instead of a tuple: all stays as it is."""

_FRESH: Final[_Kind] = (Action.FRESH, ())
_NONE: Final[frozenset[int]] = frozenset()
_MISSING: Final = (Reason(Cause.MISSING),)
_REUSE_OFF: Final = Reason(Cause.REUSE_OFF)
_UNCHECKED: Final[_Kind] = (Action.REUSE, (Reason(Cause.UNCHECKED),))


def _decide(
    asked: _Asked, partition: PartitionKey, read: Read, heads: Sequence[VersionFacts | None], state: State
) -> tuple[_Kind, _Contents]:
    """What is planned for one partition whose inputs are there or coming, and what will be there afterwards."""
    node = asked.node
    unknown = (PENDING,) * len(heads)
    if asked.force:
        return (Action.RUN, (Reason(Cause.FORCED),)), unknown
    absent = _NONE if asked.plain else absent_outputs(node, heads, read.digest, state)
    reasons = _reasons(asked, read, heads, absent, state)
    if not reasons and not read.pending:
        return (_FRESH, None) if asked.plain else _as_it_is(node, heads, absent, state)
    if asked.reuse_off or _REUSE_OFF in reasons:
        return (Action.RUN, reasons), unknown
    if read.digest is None:
        if node.logic in state.logics or node.is_conditional:
            # By this logic there may be an equal result, or a branch that is not taken: only the content can tell.
            return (Action.DEPENDS, reasons + _upstream(read.pending)), unknown
    elif asked.retracted and (found := barred(node, partition, read.digest, state)) is not None:
        return (Action.BLOCKED, (_retracted(node, found),)), _left(node, heads, read.digest, state)
    elif (taken := reusable(node, partition, read.digest, state)) is not None:
        contents = tuple([_content(node, index, facts, state) for index, facts in enumerate(taken)])
        refusals = tuple([r for c in contents if isinstance(c, tuple) for r in c if r.cause is Cause.REFUSED])
        return (Action.REUSE, reasons + refusals), contents
    return (Action.RUN, reasons), unknown


def _as_it_is(
    node: Node, heads: Sequence[VersionFacts | None], absent: frozenset[int], state: State
) -> tuple[_Kind, _Contents]:
    """What is planned where the heads are what a run would make: nothing, unless their checks have more to say."""
    refusals = [head and _refused(node, index, head, state) for index, head in enumerate(heads)]
    contents = tuple(
        _absent(node, index) if index in absent else refused or (head.data_version if head else None)
        for index, (head, refused) in enumerate(zip(heads, refusals, strict=True))
    )
    if any(refusals):
        # Taken again, so that the run says that it is refused still; nothing would come of computing it.
        return (Action.REUSE, tuple(reason for refused in refusals for reason in refused or ())), contents
    return (_UNCHECKED if _lacks_verdict(node, heads, state) else _FRESH), contents if absent else None


def _retracted(node: Node, found: Retraction) -> Reason:
    key = next(asset.key for asset in node.assets if asset.output == found.output)
    return Reason(Cause.RETRACTED, key)


def _left(node: Node, heads: Sequence[VersionFacts | None], inputs: str, state: State) -> _Contents:
    """What there is to read where running is barred: those heads alone that the same computation made."""

    def stays(index: int, head: VersionFacts) -> bool:
        made_so = head.logic == node.logic and head.inputs == inputs
        return made_so and retraction(node, index, head, state) is None and not state.is_gone(head.artifact)

    return tuple(
        head.data_version if head is not None and stays(index, head) else (Reason(Cause.RETRACTED, node.keys[index]),)
        for index, head in enumerate(heads)
    )


def _absent(node: Node, index: int) -> _Withheld:
    return (Reason(Cause.ABSENT, node.keys[index]),)


def _content(node: Node, index: int, facts: VersionFacts | None, state: State) -> str | _Withheld:
    """What will be there to read of a version that is taken; None is an optional output that was absent."""
    if facts is None:
        return _absent(node, index)
    asset, id_ = node.assets[index], node.ids[index]
    if (refused := _refused(node, index, facts, state)) is not None:
        return refused
    if state.checked is None:
        return facts.data_version if facts.accepted else PENDING
    keys = (_verdict_of(check, asset, id_, facts, state) for check in asset.blocking_checks)
    return facts.data_version if all(key in state.checked for key in keys) else PENDING


def _refused(node: Node, index: int, facts: VersionFacts, state: State) -> _Withheld | None:
    found = refusal(node, index, facts, state)
    return None if found is None else (Reason(Cause.REFUSED, node.keys[index], found.check),)


def _lacks_verdict(node: Node, heads: Sequence[VersionFacts | None], state: State) -> bool:
    """True where a check was added or changed since, or came to no verdict that stands."""
    if state.checked is None:
        return False
    return any(
        _verdict_of(check, asset, id_, head, state) not in state.checked
        for asset, id_, head in zip(node.assets, node.ids, heads, strict=True)
        if head is not None
        for check in asset.checks
    )


def _verdict_of(
    check: CheckDefinition, asset: AssetDefinition, id_: AssetId, facts: VersionFacts, state: State
) -> tuple[AssetId, PartitionKey, str]:
    key = check_key(check, facts.data_version, facts.partition, state.contents_of(asset.key), asset.partitions)
    return id_, facts.partition, key


def _upstream(keys: Sequence[AssetKey]) -> tuple[Reason, ...]:
    return tuple([Reason(Cause.UPSTREAM, key) for key in dict.fromkeys(keys)])


def _reasons(
    asked: _Asked, read: Read, heads: Sequence[VersionFacts | None], absent: frozenset[int], state: State
) -> tuple[Reason, ...]:
    """Why the heads that are wanted are not to be left as they are; what is pending aside."""
    node = asked.node
    reasons: tuple[Reason, ...] = ()
    found = lacking = False
    for index, head in enumerate(heads):
        if not asked.wanted[index]:
            continue
        if index in absent:
            found = True
        elif head is not None:
            found = True
            reasons += differences(head, node, read, state)
            if asked.retracted and retraction(node, index, head, state) is not None:
                reasons += (Reason(Cause.RETRACTED, node.keys[index]),)
            if asked.placed and (reason := displaced(node.keys[index], head, state)) is not None:
                reasons += (reason,)
            if asked.reuse_off or (not head.reuse_key and head.logic == node.logic):
                reasons += (_REUSE_OFF,)
        elif node.assets[index].output in node.optional:
            lacking = True
        else:
            return _MISSING
    if not found or (lacking and not reasons and not read.pending):
        return _MISSING  # an optional output too, if it was made but is no head: a check refused it
    return tuple(dict.fromkeys(reasons)) if len(heads) > 1 else reasons


def reusable(node: Node, partition: PartitionKey, inputs: str, state: State) -> tuple[VersionFacts | None, ...] | None:
    """What a step of this very key made before, by output, or None. An optional output may have been absent."""
    if not state.reusable:
        return None
    key = reuse_key(node.logic, inputs, partition)
    found = [state.reusable.get((key, asset.output)) for asset in node.assets]
    for index, (asset, facts) in enumerate(zip(node.assets, found, strict=True)):
        if facts is None:
            usable = asset.output in node.optional
        else:
            usable = not state.is_gone(facts.artifact) and not has_expired(facts, node.task.reuse, state)
            usable = usable and lies_where_it_should(node, index, partition, facts, state)
            usable = usable and retraction(node, index, facts, state) is None
        if not usable:
            return None
    return tuple(found) if any(found) else None


def lies_where_it_should(node: Node, index: int, partition: PartitionKey, facts: VersionFacts, state: State) -> bool:
    """Whether the version lies where a step would store it: what is at its place is what people find there."""
    asset = node.assets[index]
    if asset.stored is None or node.is_variant:  # variants are kept in the store
        return not is_placed(facts.artifact) or facts.asset == node.ids[index]
    address = Address.of(facts.artifact)
    return address is not None and address.where == own_place(asset, partition, state.environment)


def barred(node: Node, partition: PartitionKey, inputs: str, state: State) -> Retraction | None:
    """The retraction by which what a step of this very key would make is refused; None where running may help."""
    if node.task.reuse.window is not None:
        return None
    key = reuse_key(node.logic, inputs, partition)
    for index, asset in enumerate(node.assets):
        found = retracted_computation(node, index, key, state)
        if found is None and (made := state.reusable.get((key, asset.output))) is not None:
            found = retraction(node, index, made, state)
        if found is not None and not found.rerun:
            return found
    return None
