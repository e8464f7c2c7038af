"""What there is to read: columns of assets, and what a step would read through its inputs.

Columns hold, for one asset, the data version of each partition by ordinal; readers look through an input into the
columns of its upstream asset. Everything runs in one pass in topological order. Cost: O(partitions + reads).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from latewood.decide.judge import displaced, refusal, retraction
from latewood.decide.keys import inputs_digest, read_version, truth, virtual_version
from latewood.decide.nodes import Node, Slot, keys_at
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import State, VersionFacts
from latewood.model.definitions import AssetDefinition, Catalog, Input, Origin
from latewood.model.keys import AssetKey
from latewood.model.mappings import may_read_nothing, upstream_ordinals
from latewood.model.ordinals import Ordinals, Range
from latewood.model.relations import Identity
from latewood.model.schemes import Scheme
from latewood.places import Address

PENDING: Final = ""
"""In place of a data version: this run is going to make it, nobody knows its content yet."""


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

    def at(self, _ordinal: int) -> "Read":
        """The same for every partition."""
        return self


def reader(node: Node, catalog: Catalog, columns: Mapping[Slot, Column], state: State) -> Callable[[int], Read]:
    """What a step of this node would read, as a function of its partition's ordinal."""
    if node.is_conditional:
        return _conditional_reader(node, catalog, columns, state)
    inputs = [i for i in node.task.inputs if i.loads or i.counts]
    if not inputs:
        return _reads_nothing
    if node.assets[0].partitions is None and (whole := _whole_inputs(node, inputs, catalog, columns)) is not None:
        return _read_of(whole).at
    looks = [(i.name, i.asset, _input_reader(node, i, catalog, columns, state)) for i in inputs]
    if len(looks) == 1:
        # The usual case, a hundred thousand times over: one input, one look.
        ((name, asset, look),) = looks

        def read_one(ordinal: int) -> Read:
            data, settled = look(ordinal)
            if data:
                return Read(inputs_digest(((name, data),)), (), (), () if settled else (asset,))
            return Read(None, (asset,), (), (asset,)) if data == PENDING else Read(None, (), (asset,), (asset,))

        return read_one
    return lambda ordinal: _read_of([(name, asset, *look(ordinal)) for name, asset, look in looks])


_Found = tuple[str, AssetKey, str | None, bool]
"""What is found through an input: its name, the asset, the data version, and whether that stays."""


def _read_of(found: Sequence[_Found]) -> Read:
    pairs = [(name, data) for name, _, data, _ in found if data]
    unsettled = tuple([asset for _, asset, _, settled in found if not settled])
    if len(pairs) == len(found):
        return Read(inputs_digest(pairs), (), (), unsettled)
    pending = tuple([asset for _, asset, data, _ in found if data == PENDING])
    missing = tuple([asset for _, asset, data, _ in found if data is None])
    return Read(None, pending, missing, unsettled)


_NOTHING: Final = Read(inputs_digest(()), (), (), ())


def _reads_nothing(_ordinal: int) -> Read:
    return _NOTHING


def _whole_inputs(
    node: Node, inputs: Sequence[Input], catalog: Catalog, columns: Mapping[Slot, Column]
) -> list[_Found] | None:
    """What is found where nothing is partitioned, as in most of a large project; None where something is."""
    found: list[_Found] = []
    for input_ in inputs:
        asset = input_.asset
        column = columns.get(node.slot(asset))
        if column is None:
            found.append((input_.name, asset, None, False))
        elif input_.lazy or catalog.assets[asset].partitions is not None:
            return None
        else:
            found.append((input_.name, asset, column.data[0], bool(column.settled[0])))
    return found


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
    keys = keys_at(up, len(data))
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
            return _observed_column(node, state)
        case Origin.VIRTUAL:
            return _virtual_column(node, catalog, columns, state)


def _observed_column(node: Node, state: State) -> Column:
    """What was observed, where that is what there is to read: nobody else brings a head up to date."""
    column, (asset,), (id_,) = head_column(node, 0, state), node.assets, node.ids
    heads, keys = state.heads.get(id_, {}), node.partitions(state)
    for ordinal, key in enumerate(keys if asset.stored is not None else ()):
        head = heads.get(key)
        if head is not None and (displaced(asset.key, head, state) or not is_loadable(asset, head.artifact)):
            column.data[ordinal], column.settled[ordinal] = None, False
            column.withheld[ordinal] = (Reason(Cause.UNSEEN, asset.key),)
    for ordinal, data in enumerate(column.data):
        if data is None:
            column.withheld.setdefault(ordinal, (Reason(Cause.UNOBSERVED, asset.key),))
    return column


def is_loadable(asset: AssetDefinition, artifact: str) -> bool:
    """Whether the asset's IO, as it is now, is what was asked when the version was observed."""
    address = Address.of(artifact)
    return asset.stored is None or (address is not None and address.io == asset.stored.io)


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
    found, may_be_gone = map(heads.get, keys), bool(state.lost or state.places)
    data = [
        None if facts is None or (may_be_gone and state.is_gone(facts.artifact)) else facts.data_version
        for facts in found
    ]
    withheld: dict[int, tuple[Reason, ...]] = {}
    if state.retracted or state.places or (state.refusals and node.assets[index].blocking_checks):
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
