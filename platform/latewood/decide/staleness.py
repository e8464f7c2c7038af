"""Staleness of every asset partition of an environment, at a position and an instant.

*Missing*: there is no head. *Fresh*: the head equals what would be computed and all it reads is fresh. *Stale*:
anything else, with its causes. The transitive closure is never stored: one pass in topological order propagates,
and the root causes of one partition are found by walking upstream when somebody asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from latewood.decide.judge import Cause, Column, Node, Reason, differences, head_column, nodes_of, reader
from latewood.decide.plan import has_expired
from latewood.decide.state import State
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey
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

    def reasons(self, ordinal: int) -> tuple[Reason, ...]:
        """Direct reasons of one partition; empty when it is fresh."""
        return next((reasons for reasons, ordinals in self.by_reasons.items() if ordinal in ordinals), ())


def assess(
    catalog: Catalog, state: State, parameters: Mapping[AssetKey, Mapping[str, object]] | None = None
) -> dict[AssetKey, Assessed]:
    """Status and reasons of every asset. Pure. Cost: O(assets + edges + partitions + partitions read)."""
    columns: dict[AssetKey, Column] = {}
    assessed: dict[AssetKey, Assessed] = {}
    for node in nodes_of(catalog, state, parameters or {}):
        for asset, id_ in zip(node.assets, node.ids, strict=True):
            columns[asset.key] = head_column(asset, id_, state)
        for index, key in enumerate(node.keys):
            assessed[key] = _assess_asset(node, index, catalog, state, columns)
    return assessed


def _assess_asset(node: Node, index: int, catalog: Catalog, state: State, columns: dict[AssetKey, Column]) -> Assessed:
    heads = state.heads.get(node.ids[index], {})
    column = columns[node.keys[index]]
    by_status: dict[Status, list[int]] = {}
    by_reasons: dict[tuple[Reason, ...], list[int]] = {}
    read_at = reader(node, catalog, columns, state)
    for ordinal in range(node.partition_count(state)):
        head = heads.get(node.partition_key(ordinal))
        reasons: tuple[Reason, ...]
        read = read_at(ordinal)
        if head is None:
            status, reasons = Status.MISSING, (Reason(Cause.MISSING),)
            reasons += tuple(Reason(Cause.UPSTREAM, key) for key in dict.fromkeys((*read.unsettled, *read.missing)))
        else:
            reasons = differences(head, node, read)
            reasons += tuple(Reason(Cause.UPSTREAM, key) for key in (*read.unsettled, *read.missing))
            if has_expired(head, node.task.reuse, state):
                reasons += (Reason(Cause.EXPIRED),)
            reasons = tuple(dict.fromkeys(reasons))
            status = Status.STALE if reasons else Status.FRESH
            column.settled[ordinal] = not reasons
        by_status.setdefault(status, []).append(ordinal)
        if reasons:
            by_reasons.setdefault(reasons, []).append(ordinal)
    return Assessed(
        node=node,
        by_status={status: Ordinals.from_sorted(ordinals) for status, ordinals in by_status.items()},
        by_reasons={reasons: Ordinals.from_sorted(ordinals) for reasons, ordinals in by_reasons.items()},
    )
