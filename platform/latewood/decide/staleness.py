"""Staleness of every asset partition of an environment, at a position and an instant.

*Missing*: there is no head. *Fresh*: the head equals what would be computed, none of its blocking checks refuses it,
and all it reads is fresh; so is an optional output without one that its task, as it is now, did not make: *absent*, for
which its readers wait. *Stale*: anything else, with its causes. The transitive closure is never stored: one pass
in topological order propagates, and the root causes of one partition are found by walking upstream when somebody asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from latewood.decide.columns import Column, column_of, reader
from latewood.decide.judge import absent_outputs, differences
from latewood.decide.nodes import Node, Slot, nodes_of
from latewood.decide.reasons import Cause, Reason
from latewood.decide.state import State, VersionFacts
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetKey
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals


class Status(StrEnum):
    """State of an asset partition."""

    FRESH = "fresh"
    STALE = "stale"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """One asset: its partitions by status, and the stale ones by their direct reasons."""

    node: Node
    by_status: Mapping[Status, Ordinals]
    by_reasons: Mapping[tuple[Reason, ...], Ordinals]

    @property
    def status(self) -> Status:
        """The asset as a whole: missing if anything is, else stale if anything is."""
        for status in (Status.MISSING, Status.STALE):
            if self.by_status.get(status):
                return status
        return Status.FRESH

    def status_of(self, ordinal: int) -> Status:
        """The status of one partition; missing where the scheme has it not yet."""
        return next((status for status, ordinals in self.by_status.items() if ordinal in ordinals), Status.MISSING)

    @property
    def absent(self) -> Ordinals:
        """Partitions of an optional output that its task ran for and did not make, whatever earlier head they have."""
        found = Ordinals()
        for reasons, ordinals in self.by_reasons.items():
            if any(reason.cause is Cause.ABSENT for reason in reasons):
                found |= ordinals
        return found

    def is_current(self, ordinal: int) -> bool:
        """Whether the partition is what would be made now, as far as that is known before its upstreams are made."""
        return all(reason.cause in (Cause.UPSTREAM, Cause.ABSENT) for reason in self.reasons(ordinal))

    def is_pending(self, ordinal: int) -> bool:
        """Whether what the partition reads is not what it would read once that is made."""
        return any(reason.cause is Cause.UPSTREAM for reason in self.reasons(ordinal))

    def made_beside(self, key: AssetKey, ordinal: int, state: State) -> VersionFacts | None:
        """The head whose step did not make this absent optional output; None of any other."""
        partition, absent = self.node.partition_key(ordinal), self.node.ids[self.node.keys.index(key)]
        heads = [state.heads.get(id_, {}).get(partition) for id_ in self.node.ids]
        return next((h for h in heads if h is not None and (absent, partition, h.version) in state.absent), None)

    def reasons(self, ordinal: int) -> tuple[Reason, ...]:
        """Direct reasons of one partition; empty when it is fresh."""
        return next((reasons for reasons, ordinals in self.by_reasons.items() if ordinal in ordinals), ())


def assess(catalog: Catalog, state: State) -> dict[AssetKey, Assessed]:
    """Status and reasons of every asset. Pure. Cost: O(assets + edges + partitions + partitions read)."""
    columns: dict[Slot, Column] = {}
    assessed: dict[AssetKey, Assessed] = {}
    for node in nodes_of(catalog, state):
        for index, key in enumerate(node.keys):
            columns[node.slot(key)] = column_of(node, index, catalog, columns, state)
        if node.origin is Origin.VIRTUAL:
            assessed[node.keys[0]] = _assess_view(node, catalog, state, columns)
            continue
        assessed |= zip(node.keys, _assess_node(node, catalog, state, columns), strict=True)
    return assessed


def waiting_for_absent(catalog: Catalog, assessed: Mapping[AssetKey, Assessed], state: State) -> frozenset[AssetKey]:
    """Assets of which some partition can not be made while an optional output above it is absent.

    Cost: O(assets), and the partitions of those below an absent output that are not fresh.
    """
    without: dict[AssetKey, Ordinals] = {key: found.absent for key, found in assessed.items() if found.absent}
    for key in catalog.graph.topological if without else ():
        if key in assessed and any(input_.asset in without for input_ in assessed[key].node.task.inputs):
            for ordinal in sorted(o for ordinals in assessed[key].by_reasons.values() for o in ordinals):
                if _reads_any_of(without, catalog, assessed[key].node, ordinal, state):
                    without[key] = without.get(key, Ordinals()) | Ordinals.between(ordinal, ordinal + 1)
    return frozenset(key for key, ordinals in without.items() if ordinals - assessed[key].absent)


def _reads_any_of(
    without: Mapping[AssetKey, Ordinals], catalog: Catalog, node: Node, ordinal: int, state: State
) -> bool:
    for input_ in node.task.inputs:
        if input_.loads and (there := without.get(input_.asset)):
            up, down = catalog[input_.asset].partitions, node.assets[0].partitions
            if there & upstream_ordinals(input_.mapping, up, down, ordinal, state.now):
                return True
    return False


def _assess_view(node: Node, catalog: Catalog, state: State, columns: Mapping[Slot, Column]) -> Assessed:
    """A virtual asset is as what it is a view of."""
    column, read_at = columns[node.slot(node.keys[0])], reader(node, catalog, columns, state)
    by_status: dict[Status, list[int]] = {}
    by_reasons: dict[tuple[Reason, ...], list[int]] = {}
    for ordinal, data in enumerate(column.data):
        status = Status.MISSING if data is None else Status.FRESH if column.settled[ordinal] else Status.STALE
        by_status.setdefault(status, []).append(ordinal)
        if unsettled := read_at(ordinal).unsettled:
            reasons = tuple(Reason(Cause.UPSTREAM, key) for key in dict.fromkeys(unsettled))
            by_reasons.setdefault(reasons, []).append(ordinal)
    return _assessed(node, by_status, by_reasons)


def _assess_node(node: Node, catalog: Catalog, state: State, columns: dict[Slot, Column]) -> list[Assessed]:
    """The assets of one task. Partition by partition: a later one may read an earlier one of any output."""
    heads = [state.heads.get(id_, {}) for id_ in node.ids]
    own = [columns[node.slot(key)] for key in node.keys]
    by_status: list[dict[Status, list[int]]] = [{} for _ in own]
    by_reasons: list[dict[tuple[Reason, ...], list[int]]] = [{} for _ in own]
    is_made = node.origin is Origin.MADE  # of what others make there is nothing to hold an observation against
    may_lack = bool(state.absent and node.optional)
    read_at = reader(node, catalog, columns, state)
    partitions = node.partitions(state)
    for ordinal in node.existing(state):
        partition = partitions[ordinal]
        read, found = read_at(ordinal), [of_asset.get(partition) for of_asset in heads]
        absent = absent_outputs(node, found, read.digest, state) if may_lack else ()
        for index, head in enumerate(found):
            if index in absent:
                reasons: tuple[Reason, ...] = (Reason(Cause.ABSENT, node.keys[index]),)
            else:
                reasons = (Reason(Cause.MISSING),) if head is None else differences(head, node, read.digest, state)
                reasons = reasons if is_made else ()
            if ordinal in own[index].withheld:
                reasons += own[index].withheld[ordinal]
            if read.untaken:  # nothing would make it, so a head of an earlier run is as it should be
                reasons = () if head else (Reason(Cause.UNTAKEN, read.untaken[0]),)
            if read.unsettled:
                reasons += tuple(Reason(Cause.UPSTREAM, key) for key in dict.fromkeys(read.unsettled))
            by_status[index].setdefault(_status(head, reasons), []).append(ordinal)
            if reasons:
                own[index].settled[ordinal] = False
                by_reasons[index].setdefault(reasons, []).append(ordinal)
    return [_assessed(node, statuses, causes) for statuses, causes in zip(by_status, by_reasons, strict=True)]


def _assessed(
    node: Node, statuses: Mapping[Status, list[int]], causes: Mapping[tuple[Reason, ...], list[int]]
) -> Assessed:
    return Assessed(
        node=node,
        by_status={status: Ordinals.from_sorted(ordinals) for status, ordinals in statuses.items()},
        by_reasons={reasons: Ordinals.from_sorted(ordinals) for reasons, ordinals in causes.items()},
    )


def _status(head: VersionFacts | None, reasons: tuple[Reason, ...]) -> Status:
    """Without a head an absent output is as its step left it: out of date only if something else is the matter."""
    if head is not None:
        return Status.STALE if reasons else Status.FRESH
    if reasons[0].cause is not Cause.ABSENT:
        return Status.MISSING
    return Status.FRESH if len(reasons) == 1 else Status.STALE
