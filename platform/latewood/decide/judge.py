"""The one comparison that planning and staleness share: a head against what would be computed now.

Columns hold, for one asset, the data version of each partition by ordinal; readers look through an input into the
columns of its upstream asset. Everything runs in one pass in topological order. Cost: O(partitions + reads).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from latewood.decide.keys import (
    check_key,
    inputs_digest,
    logic_digest,
    parameters_of,
    read_version,
    truth,
    virtual_version,
)
from latewood.decide.state import Refusal, Retraction, State, VersionFacts
from latewood.decide.sweep import NO_SWEEP, Sweep, Trial
from latewood.model.definitions import AssetDefinition, Catalog, Input, Origin, TaskDefinition
from latewood.model.keys import UNPARTITIONED, AssetId, AssetKey, PartitionKey
from latewood.model.mappings import may_read_nothing, upstream_ordinals
from latewood.model.ordinals import Ordinals, Range
from latewood.model.partitions import existing, extent, key_at, keys_of
from latewood.model.policies import Reuse
from latewood.model.relations import Identity
from latewood.model.schemes import Scheme

PENDING: Final = ""
"""In place of a data version: this run is going to make it, nobody knows its content yet."""


class Cause(StrEnum):
    """Why an asset partition is not as it should be, or why a step is run."""

    MISSING = "missing"
    CODE = "code"
    PARAMETERS = "parameters"
    CONFIGURATION = "configuration"
    INPUT = "input"
    UPSTREAM = "upstream"
    FORCED = "forced"
    REUSE_OFF = "reuse off"
    EXPIRED = "reuse window ended"
    LOST = "artifact lost"
    OVERWRITTEN = "overwritten"
    CHANGED_OUTSIDE = "changed outside of Latewood"
    UNCHECKED = "unchecked"
    REFUSED = "refused"
    ABSENT = "absent"
    RETRACTED = "retracted"
    FAILED = "failed"
    UNTAKEN = "branch not taken"
    UNOBSERVED = "never observed"


class Reason(NamedTuple):
    """A cause and what it is about.

    For `upstream`, `absent`, `retracted`, `never observed`, `refused` (by that check), `overwritten` and `changed
    outside of Latewood` that is the asset.
    """

    cause: Cause
    subject: str = ""
    check: str = ""

    @property
    def written(self) -> str:
        """The reason as events keep it: `cause`, `cause:subject` or `cause:subject:check`."""
        return ":".join(part for part in self if part)


class Column(NamedTuple):
    """One asset's partitions by ordinal: data version (None = there is none), and whether it will stay.

    `withheld` says why there is none to read though there may be a head: a check refuses it, or it is out of date and
    its task makes no such output any more; or what its task would read is withheld: then for the same reasons.
    """

    data: list[str | None]
    settled: bytearray
    withheld: dict[int, tuple[Reason, ...]]


class Read(NamedTuple):
    """What a step would read: the digest of its inputs, or None with the inputs that make it unknown.

    `untaken` is the condition by which the step is in a branch that is not taken: then it reads nothing.
    """

    digest: str | None
    pending: tuple[AssetKey, ...]
    missing: tuple[AssetKey, ...]
    unsettled: tuple[AssetKey, ...]
    untaken: tuple[AssetKey, ...] = ()


Slot = tuple[AssetKey, Trial]
"""Where what a run makes of an asset is found: a sweep makes several versions of one partition."""


class Node(NamedTuple):
    """One task with the assets it makes together, in the order of its outputs, and what all its partitions share.

    In a run with other than the environment's parameters a task has a node for each different `trial` that reaches
    it; `upstream` says which trial it reads of those assets that have any. A tuple: a project has ten thousand.
    """

    assets: tuple[AssetDefinition, ...]
    keys: tuple[AssetKey, ...]
    ids: tuple[AssetId, ...]
    task: TaskDefinition
    parameters: Mapping[str, Any]
    logic: str
    trial: Trial = ()
    upstream: Mapping[AssetKey, Trial] = MappingProxyType({})

    @property
    def origin(self) -> Origin:
        """Where versions come from; only a task that makes assets is ever planned."""
        return self.assets[0].origin

    @property
    def is_variant(self) -> bool:
        """True for what is made with other than the environment's parameters, or from such versions: no head."""
        return bool(self.trial)

    def slot(self, asset: AssetKey) -> Slot:
        """Where this asset is found that the task reads or makes."""
        return asset, self.trial if asset in self.keys else self.upstream.get(asset, ())

    @property
    def is_conditional(self) -> bool:
        """True for a step in a branch of a choice, and for the choice itself."""
        return any(map(_WHERE, self.task.inputs))

    @property
    def optional(self) -> frozenset[str]:
        """Outputs whose absence beside others says that the task made none; a subset is no such evidence."""
        if self.task.subsettable:
            return frozenset()
        return frozenset([output.name for output in self.task.outputs if output.optional])

    def only(self, keys: Collection[AssetKey]) -> "Node":
        """The node for these of its assets, where the task can make some of its outputs without the others."""
        if not self.task.subsettable or all(key in keys for key in self.keys):
            return self
        chosen = [index for index, key in enumerate(self.keys) if key in keys]
        return self._replace(
            assets=tuple(self.assets[index] for index in chosen),
            keys=tuple(self.keys[index] for index in chosen),
            ids=tuple(self.ids[index] for index in chosen),
        )

    def existing(self, state: State) -> Ordinals:
        """The partitions at the state's instant; one for unpartitioned assets."""
        scheme = self.assets[0].partitions
        return _ONLY if scheme is None else existing(scheme, state.now)

    def partition_key(self, ordinal: int) -> PartitionKey:
        """Name of the partition with that ordinal."""
        return key_at(self.assets[0].partitions, ordinal)

    def partitions(self, state: State) -> Sequence[PartitionKey]:
        """Names of partitions at the state's instant by ordinal, removed ones too. Cost: O(1) once named."""
        scheme = self.assets[0].partitions
        return _UNPARTITIONED if scheme is None else _all_keys(scheme, extent(scheme, state.now))


_WHERE: Final = attrgetter("where")
_UNPARTITIONED: Final = (UNPARTITIONED,)
_ONLY: Final = Ordinals.between(0, 1)


@lru_cache(maxsize=16)
def _all_keys(scheme: Scheme, size: int) -> Sequence[PartitionKey]:
    """A plan reads the keys of one scheme once per asset that has it, and every command plans several times."""
    return keys_of(scheme, Ordinals.between(0, size))


def nodes_of(
    catalog: Catalog, state: State, sweep: Sweep = NO_SWEEP, selected: frozenset[AssetKey] = frozenset()
) -> list[Node]:
    """All tasks in topological order of their assets; a task of several assets stands once, at its first.

    A selected task stands there once for each trial: what of the sweep is other than the environment's parameters, for
    the task itself or for what it reads of the selected ones. So does a view, selected or not: nobody makes it, and
    what it is of a trial it shows.
    Cost: O(assets), and the combinations for each asset that a trial reaches.
    """
    nodes: list[Node] = []
    seen: set[AssetKey] = set()
    given = sweep.given
    combinations = tuple(sweep.combinations()) if given else ()
    trials: dict[AssetKey, tuple[Trial, ...]] = {}
    known = catalog.assets
    for key in catalog.graph.topological:
        if key in seen or key not in known:
            continue
        task = known[key].task
        assets = tuple([known[o.asset] for o in task.outputs if o.asset in known])
        keys = tuple([asset.key for asset in assets])
        seen.update(keys)
        own, contents = parameters_of(task, {}), state.contents_of(keys[0])
        node = Node(
            assets=assets,
            keys=keys,
            ids=tuple([state.ids[key] for key in keys]),
            task=task,
            parameters=own,
            logic=logic_digest(task, own, contents, assets[0].partitions),
        )
        is_asked = node.origin is Origin.VIRTUAL or not selected.isdisjoint(keys)
        if given and is_asked and _is_swept(node, given, trials):
            made: dict[Trial, Node] = {}
            reached = []
            for number, combination in enumerate(combinations):
                upstream = {i.asset: trials[i.asset][number] for i in task.inputs if i.asset in trials}
                values = parameters_of(task, {n: v for key in keys for n, v in combination.get(key, {}).items()})
                trial = _trial(node, values, upstream)
                reached.append(trial)
                if trial not in made:
                    logic = logic_digest(task, values, contents, assets[0].partitions)
                    made[trial] = node._replace(parameters=values, logic=logic, trial=trial, upstream=upstream)
            nodes += made.values()
            trials |= dict.fromkeys(node.only(selected).keys, tuple(reached))
        else:
            nodes.append(node)
    return nodes


def _is_swept(node: Node, given: Collection[AssetKey], trials: Collection[AssetKey]) -> bool:
    return any(key in given for key in node.keys) or any(i.asset in trials for i in node.task.inputs)


def _trial(node: Node, values: Mapping[str, Any], upstream: Mapping[AssetKey, Trial]) -> Trial:
    """What is other than in the node with the environment's parameters, here and above, and decides the result."""
    keyed = [parameter.name for parameter in node.task.parameters if parameter.in_key]
    own = {(node.keys[0], n, _json(values[n])) for n in keyed if values[n] != node.parameters[n]}
    return tuple(sorted(own.union(*upstream.values())))


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def reader(node: Node, catalog: Catalog, columns: Mapping[Slot, Column], state: State) -> Callable[[int], Read]:
    """What a step of this node would read, as a function of its partition's ordinal."""
    if node.is_conditional:
        return _conditional_reader(node, catalog, columns, state)
    loads = [(i.name, i.asset, _input_reader(node, i, catalog, columns, state)) for i in node.task.inputs if i.in_key]
    if not loads:
        nothing = Read(inputs_digest(()), (), (), ())
        return lambda _ordinal: nothing
    if len(loads) == 1:
        # The usual case, a hundred thousand times over: one input, one look.
        ((name, asset, look),) = loads

        def read_one(ordinal: int) -> Read:
            data, settled = look(ordinal)
            if data:
                return Read(inputs_digest(((name, data),)), (), (), () if settled else (asset,))
            return Read(None, (asset,), (), (asset,)) if data == PENDING else Read(None, (), (asset,), (asset,))

        return read_one

    def read_all(ordinal: int) -> Read:
        found = [(name, asset, *look(ordinal)) for name, asset, look in loads]
        unsettled = tuple([asset for _, asset, _, settled in found if not settled])
        pairs = [(name, data) for name, _, data, _ in found if data]
        if len(pairs) == len(found):
            return Read(inputs_digest(pairs), (), (), unsettled)
        pending = tuple([asset for _, asset, data, _ in found if data == PENDING])
        missing = tuple([asset for _, asset, data, _ in found if data is None])
        return Read(None, pending, missing, unsettled)

    return read_all


def _conditional_reader(
    node: Node, catalog: Catalog, columns: Mapping[Slot, Column], state: State
) -> Callable[[int], Read]:
    """The same for a step in a branch, or a choice between branches: conditions first, in their order."""
    inputs = [(i, _input_reader(node, i, catalog, columns, state)) for i in node.task.inputs]
    looks = {i.asset: look for i, look in inputs}

    def read(ordinal: int) -> Read:
        pairs: list[tuple[str, str]] = []
        pending: list[AssetKey] = []
        missing: list[AssetKey] = []
        unsettled: list[AssetKey] = []

        def known(asset: AssetKey) -> str | None:
            data, settled = looks[asset](ordinal)
            if not settled:
                unsettled.append(asset)
            if not data:
                (missing if data is None else pending).append(asset)
            return data or None

        for input_, _ in inputs:
            if input_.where is not None:
                holds = known(input_.where.asset)
                if holds is None:
                    continue
                if holds != truth(input_.where.holds):
                    if input_.loads:
                        continue
                    return Read(None, (), (), tuple(unsettled), untaken=(input_.where.asset,))
            if input_.in_key and (data := known(input_.asset)) is not None:
                pairs.append((input_.name, data))
        digest = None if pending or missing else inputs_digest(pairs)
        return Read(digest, *(tuple(dict.fromkeys(keys)) for keys in (pending, missing, unsettled)))

    return read


_Look = Callable[[int], tuple[str | None, bool]]


def _input_reader(node: Node, input_: Input, catalog: Catalog, columns: Mapping[Slot, Column], state: State) -> _Look:
    column = columns.get(node.slot(input_.asset))
    if column is None:
        return lambda _ordinal: (None, False)  # another location dropped it
    data, settled, _ = column
    down, up = node.assets[0].partitions, catalog.assets[input_.asset].partitions
    if input_.lazy:
        return _range_reader(input_, up, down, column, state)
    if up is None:
        whole = (data[0], bool(settled[0]))
        return lambda _ordinal: whole
    if up == down and isinstance(input_.mapping, Identity):
        return lambda ordinal: (data[ordinal], bool(settled[ordinal]))
    return _range_reader(input_, up, down, column, state)


def _range_reader(input_: Input, up: Scheme | None, down: Scheme | None, column: Column, state: State) -> _Look:
    """What is read through any mapping. Many partitions may read the same ones: these are combined once."""
    data, settled = column.data, column.settled
    keys = _UNPARTITIONED if up is None else _all_keys(up, len(data))
    may_be_empty = may_read_nothing(input_.mapping)
    # Also right for a task's own earlier partitions: each is looked at once, after it was decided.
    known: dict[tuple[Range, ...], tuple[str | None, bool]] = {}

    def look(ordinal: int) -> tuple[str | None, bool]:
        read = upstream_ordinals(input_.mapping, up, down, ordinal, state.now)
        if (found := known.get(read.ranges)) is None:
            found = known[read.ranges] = combined(read)
        return found

    def combined(read: Ordinals) -> tuple[str | None, bool]:
        found = [(keys[o], data[o]) for o in read]
        versions = [(key, version) for key, version in found if version]
        if len(versions) == len(found) and (found or may_be_empty):
            return read_version(input_, versions), all(settled[o] for o in read)
        return (None if not found or any(version is None for _, version in found) else PENDING), False

    return look


def column_of(node: Node, index: int, catalog: Catalog, columns: Mapping[Slot, Column], state: State) -> Column:
    """What a step would read of one of the node's assets if nothing changes; `columns` are those of its upstreams."""
    match node.origin:
        case Origin.MADE:
            return head_column(node, index, state)
        case Origin.EXTERNAL:
            column = head_column(node, index, state)
            for ordinal, data in enumerate(column.data):
                if data is None:
                    column.withheld.setdefault(ordinal, (Reason(Cause.UNOBSERVED, node.keys[index]),))
            return column
        case Origin.VIRTUAL:
            return _virtual_column(node, catalog, columns, state)


def _virtual_column(node: Node, catalog: Catalog, columns: Mapping[Slot, Column], state: State) -> Column:
    """The content of a view follows from that of what it is a view of, and so does whether that stays."""
    read_at = reader(node, catalog, columns, state)
    size = len(node.partitions(state))
    column = Column([None] * size, bytearray(size), {})
    for ordinal in range(size):
        read = read_at(ordinal)
        if read.digest is not None:
            column.data[ordinal] = virtual_version(node.logic, read.digest)
            column.settled[ordinal] = not read.unsettled
        elif read.missing:
            column.withheld[ordinal] = withheld_roots(node, ordinal, read.missing, catalog, columns, state)
        else:
            column.data[ordinal] = PENDING
    return column


def withheld_roots(
    node: Node,
    ordinal: int,
    missing: Sequence[AssetKey],
    catalog: Catalog,
    columns: Mapping[Slot, Column],
    state: State,
) -> tuple[Reason, ...]:
    """Why there is nothing to read of these inputs: the roots, also where what is read is itself blocked by them."""
    found: dict[Reason, None] = {}
    for input_ in node.task.inputs:
        if input_.asset not in missing:
            continue
        roots: dict[Reason, None] = {}
        if (column := columns.get(node.slot(input_.asset))) is not None:
            up, down = catalog[input_.asset].partitions, node.assets[0].partitions
            for read in upstream_ordinals(input_.mapping, up, down, ordinal, state.now) if column.withheld else ():
                if column.data[read] is None:
                    roots |= dict.fromkeys(column.withheld.get(read, (Reason(Cause.UPSTREAM, input_.asset),)))
        found |= roots or {Reason(Cause.UPSTREAM, input_.asset): None}
    return tuple(found)


def head_column(node: Node, index: int, state: State) -> Column:
    """The heads of one of the node's assets as a column, all settled: what a step would read if nothing changes."""
    heads = state.heads.get(node.ids[index], {})
    keys = node.partitions(state)
    if not heads:
        return Column([None] * len(keys), bytearray(len(keys)), {})
    found = map(heads.get, keys)
    lossy = bool(state.lost or state.places)
    data = [
        None if facts is None or (lossy and state.is_gone(facts.artifact)) else facts.data_version for facts in found
    ]
    withheld: dict[int, tuple[Reason, ...]] = {}
    if state.retracted or state.places or (node.assets[index].blocking_checks and state.refusals):
        for ordinal, facts in enumerate(map(heads.get, keys)):
            if facts is not None and (reason := _unusable(node, index, facts, state)) is not None:
                data[ordinal], withheld[ordinal] = None, (reason,)
    return Column(data, bytearray([version is not None for version in data]), withheld)


def _unusable(node: Node, index: int, facts: VersionFacts, state: State) -> Reason | None:
    if (reason := displaced(node.keys[index], facts, state)) is not None:
        return reason
    if retraction(node, index, facts, state) is not None:
        return Reason(Cause.RETRACTED, node.keys[index])
    refused = refusal(node, index, facts, state)
    return None if refused is None else Reason(Cause.REFUSED, node.keys[index], refused.check)


def displaced(key: AssetKey, facts: VersionFacts, state: State) -> Reason | None:
    """Why the version is at its place no more, if it lies at one: a later one is there, or something from outside."""
    there = state.displacing(facts.artifact)
    return None if there is None else Reason(Cause.OVERWRITTEN if there.version else Cause.CHANGED_OUTSIDE, key)


def retraction(node: Node, index: int, facts: VersionFacts, state: State) -> Retraction | None:
    """The retraction that a version falls under as one of this asset: of equal data, or of the same computation."""
    if not state.retracted:
        return None
    for asset in dict.fromkeys((facts.asset, node.ids[index])):
        if found := state.retracted.content(asset, facts.partition, facts.data_version, facts.artifact):
            return found
    return retracted_computation(node, index, facts.reuse_key, state)


def retracted_computation(node: Node, index: int, key: str, state: State) -> Retraction | None:
    """The retraction of what a step of this reuse key makes. Of a task that looks outside only content is refused."""
    if node.task.reuse.window is not None or not key:
        return None
    return state.retracted.by_key.get((key, node.assets[index].output))


def refusal(node: Node, index: int, facts: VersionFacts, state: State) -> Refusal | None:
    """By what verdict a blocking check of the asset, as it is now, refuses the version's data; None without one."""
    asset = node.assets[index]
    blocking = {check.name: check for check in asset.blocking_checks}
    for refused in state.refusals.get((node.ids[index], facts.partition), ()):
        check = blocking.get(refused.check)
        if check is not None and refused.check_key == check_key(
            check, facts.data_version, facts.partition, state.contents_of(asset.key), asset.partitions
        ):
            return refused
    return None


def absent_outputs(
    node: Node, heads: Sequence[VersionFacts | None], inputs: str | None, state: State
) -> frozenset[int]:
    """Indexes of the optional outputs that the task does not make by its present logic and these inputs (None = any).

    The head of another output shows it: the step that made that one made none of these.
    """
    if not state.absent or not node.optional:
        return frozenset()

    def is_current(head: VersionFacts) -> bool:
        return head.logic == node.logic and inputs in (None, head.inputs)

    made = [head for head in heads if head is not None and is_current(head)]
    return frozenset(
        index
        for index, (asset, id_, head) in enumerate(zip(node.assets, node.ids, heads, strict=True))
        if asset.output in node.optional and (head is None or not is_current(head))
        if any((id_, sibling.partition, sibling.version) in state.absent for sibling in made)
    )


def differences(head: VersionFacts, node: Node, read: Read, state: State) -> tuple[Reason, ...]:
    """Why this head is not what would be there after a run, as far as it lies in the head; empty = it may stay."""
    reasons: tuple[Reason, ...] = ()
    if head.logic != node.logic:
        reasons = _changed_logic(head.code, head.logic, node.task.code.version, node.logic)
    if read.digest is not None and read.digest != head.inputs:
        reasons += _INPUT
    if node.task.reuse.window is not None and has_expired(head, node.task.reuse, state):
        reasons += _EXPIRED
    if state.lost and head.artifact in state.lost:
        reasons += _LOST
    return reasons


_INPUT, _EXPIRED, _LOST = ((Reason(cause),) for cause in (Cause.INPUT, Cause.EXPIRED, Cause.LOST))


@lru_cache(maxsize=1024)
def _changed_logic(had_code: str, had_logic: str, code: str, logic: str) -> tuple[Reason, ...]:
    """The same for all partitions of an asset, and of these there may be a hundred thousand."""
    return tuple(map(Reason, changed_logic(had_code, had_logic, code=code, logic=logic)))


def changed_logic(had_code: str, had_logic: str, *, code: str, logic: str) -> tuple[Cause, ...]:
    """In what this logic differs from the one a version was made by; empty for the same.

    Resources that are new or gone are no cause beside the code, since that asks for them.
    """
    (was, _, had), (now, _, has) = had_logic.partition("+"), logic.partition("+")
    causes: tuple[Cause, ...] = ()
    if had_code != code:
        causes = (Cause.CODE,)
    elif was != now:
        causes = (Cause.PARAMETERS,)
    if had != has and ((had and has) or not causes):
        causes += (Cause.CONFIGURATION,)
    return causes


def has_expired(facts: VersionFacts, reuse: Reuse, state: State) -> bool:
    """True for a version older than the task's reuse window. Where reuse is off, age says nothing."""
    return reuse.window is not None and not reuse.is_off and state.now - facts.made_at > reuse.window
