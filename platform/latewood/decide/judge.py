"""The one comparison that planning and staleness share: a head against what would be computed now.

Columns hold, for one asset, the data version of each partition by ordinal; readers look through an input into the
columns of its upstream asset. Everything runs in one pass in topological order. Cost: O(partitions + reads).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple

from latewood.decide.keys import inputs_digest, logic_digest, parameters_of, read_version
from latewood.decide.state import State, VersionFacts
from latewood.model.definitions import AssetDefinition, Catalog, Input, TaskDefinition
from latewood.model.keys import AssetId, AssetKey, PartitionKey
from latewood.model.mappings import Identity, Offset, upstream_ordinals
from latewood.model.partitions import count, key_at

PENDING: Final = ""
"""In place of a data version: this run is going to make it, nobody knows its content yet."""


class Cause(StrEnum):
    """Why an asset partition is not as it should be, or why a step is run."""

    MISSING = "missing"
    CODE = "code"
    PARAMETERS = "parameters"
    INPUT = "input"
    UPSTREAM = "upstream"
    FORCED = "forced"
    REUSE_OFF = "reuse off"
    EXPIRED = "reuse window ended"
    LOST = "artifact lost"
    FAILED = "failed"


class Reason(NamedTuple):
    """A cause and what it is about: for `upstream` the asset that is read, else nothing."""

    cause: Cause
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """One asset's partitions by ordinal: data version (None = there is none), and whether it will stay."""

    data: list[str | None]
    settled: bytearray


class Read(NamedTuple):
    """What a step would read: the digest of its inputs, or None with the inputs that make it unknown."""

    digest: str | None
    pending: tuple[AssetKey, ...]
    missing: tuple[AssetKey, ...]
    unsettled: tuple[AssetKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One task with the assets it makes together, and what is the same for all its partitions."""

    assets: tuple[AssetDefinition, ...]
    ids: tuple[AssetId, ...]
    task: TaskDefinition
    parameters: Mapping[str, Any]
    logic: str

    @property
    def keys(self) -> tuple[AssetKey, ...]:
        """Keys of the assets, in the order of the task's outputs."""
        return tuple(asset.key for asset in self.assets)

    def only(self, keys: Collection[AssetKey]) -> "Node":
        """The node for these of its assets, where the task can make some of its outputs without the others."""
        if not self.task.subsettable or all(asset.key in keys for asset in self.assets):
            return self
        chosen = [pair for pair in zip(self.assets, self.ids, strict=True) if pair[0].key in keys]
        return replace(self, assets=tuple(a for a, _ in chosen), ids=tuple(i for _, i in chosen))

    def partition_count(self, state: State) -> int:
        """Number of partitions at the state's instant; 1 for unpartitioned assets."""
        return count(self.assets[0].partitions, state.now)

    def partition_key(self, ordinal: int) -> PartitionKey:
        """Name of the partition with that ordinal."""
        return key_at(self.assets[0].partitions, ordinal)


def nodes_of(
    catalog: Catalog,
    state: State,
    parameters: Mapping[AssetKey, Mapping[str, Any]],
) -> list[Node]:
    """All tasks in topological order of their assets; a task of several assets stands once, at its first."""
    nodes: list[Node] = []
    seen: set[AssetKey] = set()
    for key in catalog.graph.topological:
        if key in seen or key not in catalog.assets:
            continue
        task = catalog[key].task
        assets = tuple(catalog[o.asset] for o in task.outputs if o.asset in catalog.assets)
        seen.update(asset.key for asset in assets)
        values = parameters_of(task, _given(parameters, assets))
        nodes.append(
            Node(
                assets=assets,
                ids=tuple(state.ids[asset.key] for asset in assets),
                task=task,
                parameters=values,
                logic=logic_digest(task, values, state.contents, assets[0].partitions),
            )
        )
    return nodes


def _given(
    parameters: Mapping[AssetKey, Mapping[str, Any]], assets: tuple[AssetDefinition, ...]
) -> Mapping[str, Any]:
    given: dict[str, Any] = {}
    if parameters:
        for asset in assets:
            given |= parameters.get(asset.key, {})
    return given


def reader(node: Node, catalog: Catalog, columns: Mapping[AssetKey, Column], state: State) -> Callable[[int], Read]:
    """What a step of this node would read, as a function of its partition's ordinal."""
    loads = [_input_reader(node, i, catalog, columns, state) for i in node.task.inputs if i.loads]
    names = [(i.name, i.asset) for i in node.task.inputs if i.loads]
    if not loads:
        nothing = Read(inputs_digest(()), (), (), ())
        return lambda _ordinal: nothing
    if len(loads) == 1:
        # The usual case, a hundred thousand times over: one input, one look.
        ((name, asset),), (look,) = names, loads

        def read_one(ordinal: int) -> Read:
            data, settled = look(ordinal)
            if data:
                return Read(inputs_digest(((name, data),)), (), (), () if settled else (asset,))
            return Read(None, (asset,), (), (asset,)) if data == PENDING else Read(None, (), (asset,), (asset,))

        return read_one

    def read_all(ordinal: int) -> Read:
        found = [look(ordinal) for look in loads]
        unsettled = tuple(a for (_, a), (_, settled) in zip(names, found, strict=True) if not settled)
        if all(data for data, _ in found):
            pairs = [(name, data or "") for (name, _), (data, _) in zip(names, found, strict=True)]
            return Read(inputs_digest(pairs), (), (), unsettled)
        pending = tuple(a for (_, a), (data, _) in zip(names, found, strict=True) if data == PENDING)
        missing = tuple(a for (_, a), (data, _) in zip(names, found, strict=True) if data is None)
        return Read(None, pending, missing, unsettled)

    return read_all


_Look = Callable[[int], tuple[str | None, bool]]


def _input_reader(
    node: Node, input_: Input, catalog: Catalog, columns: Mapping[AssetKey, Column], state: State
) -> _Look:
    down = node.assets[0].partitions
    up = catalog[input_.asset].partitions
    column = columns[input_.asset]
    data, settled = column.data, column.settled
    plain = not input_.lazy  # a task that sees the keys it reads: they are part of what it reads
    if plain and isinstance(input_.mapping, Identity) and up == down:
        return lambda ordinal: (data[ordinal], bool(settled[ordinal]))
    if plain and up is None:
        whole = (data[0], bool(settled[0]))
        return lambda _ordinal: whole

    known: dict[tuple[tuple[int, int], ...], tuple[str | None, bool]] = {}

    def look(ordinal: int) -> tuple[str | None, bool]:
        ranges = upstream_ordinals(input_.mapping, up, down, ordinal, state.now).ranges
        if plain and ranges == ((ordinal, ordinal + 1),) and not _is_own(node, input_):
            return data[ordinal], bool(settled[ordinal])
        if ranges not in known or _is_own(node, input_):
            known[ranges] = _combined(ranges)
        return known[ranges]

    def _combined(ranges: tuple[tuple[int, int], ...]) -> tuple[str | None, bool]:
        ordinals = [o for start, stop in ranges for o in range(start, stop)]
        if not ordinals and not isinstance(input_.mapping, Offset):
            return None, False
        found = [data[o] for o in ordinals]
        stays = all(settled[o] for o in ordinals)
        if None in found:
            return None, False
        if PENDING in found:
            return PENDING, False
        return read_version(input_, [(key_at(up, o), d or "") for o, d in zip(ordinals, found, strict=True)]), stays

    return look


def _is_own(node: Node, input_: Input) -> bool:
    """True where a task reads earlier partitions of what it makes: their content changes during the pass."""
    return any(asset.key == input_.asset for asset in node.assets)


def head_column(asset: AssetDefinition, id_: AssetId, state: State) -> Column:
    """The asset's heads as a column, all of them settled: what a step would read if nothing changes."""
    heads = state.heads.get(id_, {})
    scheme = asset.partitions
    size = count(scheme, state.now)
    if not heads:
        return Column([None] * size, bytearray(size))
    data = [
        facts.data_version if (facts := heads.get(key_at(scheme, ordinal))) is not None else None
        for ordinal in range(size)
    ]
    return Column(data, bytearray(d is not None for d in data))


def differences(head: VersionFacts, node: Node, read: Read) -> tuple[Reason, ...]:
    """How the head differs from what would be computed now; empty = not at all, as far as is known."""
    reasons: list[Reason] = []
    if head.code != node.task.code.version:
        reasons.append(Reason(Cause.CODE))
    elif head.logic != node.logic:
        reasons.append(Reason(Cause.PARAMETERS))
    if read.digest is not None and head.inputs != read.digest:
        reasons.append(Reason(Cause.INPUT))
    return tuple(reasons)
