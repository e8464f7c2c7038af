"""What of an environment needs somebody: what failed, what checks say, what is overdue, what cannot go on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

from latewood.commands.freshness import overdue_by
from latewood.commands.reading import Assessment, ordinals_in
from latewood.commands.views import AsOf
from latewood.commands.workspace import Workspace
from latewood.decide.freshness import Judged
from latewood.decide.reasons import Cause
from latewood.decide.staleness import Status
from latewood.model.definitions import Origin
from latewood.model.graph import Graph
from latewood.model.keys import AssetKey
from latewood.model.ordinals import Ordinals
from latewood.projections.snapshots import snapshot
from latewood.projections.versions import Warned, warned_partitions
from latewood_eventlog.records import Position


class Trouble(StrEnum):
    """Why an asset needs somebody, the worst first."""

    FAILED = "failed"
    REFUSED = "refused"
    OVERDUE = "overdue"
    CHECK_FAILED = "check failed"
    BLOCKED = "blocked"


_HOLDING = frozenset({Trouble.FAILED, Trouble.REFUSED, Trouble.BLOCKED})
"""What keeps that from being made which is made from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """An asset that needs somebody, and why: the worst first.

    `partitions` failed, or did not pass `checks`; `since` is where the log says the first of that. `overdue` is what
    policies say. It is blocked by `because`, or where that is empty waits for a value or an optional output.
    `downstream` counts the assets that are made from it, `held_up` those of them that are not fresh: none where
    nothing keeps them from being made.
    """

    key: AssetKey
    troubles: tuple[Trouble, ...]
    partitions: Ordinals
    checks: tuple[str, ...]
    since: Position | None
    overdue: tuple[Judged, ...]
    because: tuple[AssetKey, ...]
    downstream: int
    held_up: int


@dataclass(frozen=True, slots=True)
class _Standing:
    """What failed, what is not fresh, and what is blocked by what."""

    failed: frozenset[AssetKey]
    stuck: frozenset[AssetKey]
    blocked: Mapping[AssetKey, tuple[AssetKey, ...]]


def attention(workspace: Workspace, found: Assessment, as_of: AsOf) -> list[Attention]:
    """What needs somebody: that on which most depends first, then the worst, then by key.

    Cost: of an assessment once O(assets + edges), and of what did not pass; where there are policies, reading what they
    are about.
    """
    view = found.view
    with snapshot(workspace.log) as connection:
        warned = warned_partitions(connection, workspace.project, workspace.environment, view.as_of)
    overdue: dict[AssetKey, tuple[Judged, ...]] = {}
    for judged in chain.from_iterable(overdue_by(workspace, found, as_of).values()):
        overdue[judged.asset] = (*overdue.get(judged.asset, ()), judged)
    of_checks = _declared(found, warned)
    standing = found.once("attention", lambda: _standing(found))
    failed, blocked = standing.failed, standing.blocked
    keys = sorted(failed | of_checks.keys() | overdue.keys() | blocked.keys())
    counts = depending(view.catalog.graph, keys, standing.stuck)
    every = [
        _of(found, key, of_checks.get(key, ()), overdue.get(key, ()), blocked.get(key), counts[key], key in failed)
        for key in keys
    ]
    worst = {trouble: n for n, trouble in enumerate(Trouble)}
    return sorted(every, key=lambda each: (-each.downstream, worst[each.troubles[0]], each.key))


def depending(graph: Graph, keys: Iterable[AssetKey], among: frozenset[AssetKey]) -> dict[AssetKey, tuple[int, int]]:
    """How many assets depend on each of these, and how many of them are `among`. Cost: O(V + E) words of V bits."""
    wanted = list(keys)
    if not wanted:
        return {}
    bit = {key: 1 << n for n, key in enumerate(graph.topological)}
    chosen = sum(bit[key] for key in among if key in bit)
    below: dict[AssetKey, int] = {}
    for key in reversed(graph.topological):
        found = 0
        for down in graph.downstreams[key]:
            found |= below[down] | bit[down]
        below[key] = found
    return {key: (below[key].bit_count(), (below[key] & chosen).bit_count()) for key in wanted}


def _of(
    found: Assessment,
    key: AssetKey,
    warned: Iterable[Warned],
    overdue: tuple[Judged, ...],
    because: tuple[AssetKey, ...] | None,
    counts: tuple[int, int],
    has_failed: bool,  # noqa: FBT001 - as above, one of many
) -> Attention:
    view, id_ = found.view, found.view.ids[key]
    refused = _refused(found, key)
    warned = list(warned)
    tried = {slot: at for slot, at in found.failed.items() if slot[0] == id_} if has_failed else {}
    slots = [*tried, *((id_, each.partition) for each in warned)]
    partitions = ordinals_in(view, key, slots)
    for ordinals in refused.values():
        partitions |= ordinals
    said = {
        Trouble.FAILED: bool(tried),
        Trouble.REFUSED: bool(refused),
        Trouble.OVERDUE: bool(overdue),
        Trouble.CHECK_FAILED: bool(warned),
        Trouble.BLOCKED: because is not None,
    }
    troubles = tuple(trouble for trouble, is_so in said.items() if is_so)
    return Attention(
        key=key,
        troubles=troubles,
        partitions=partitions,
        checks=tuple(dict.fromkeys((*refused, *(each.check for each in warned)))),
        since=min((*tried.values(), *(each.position for each in warned)), default=None),
        overdue=overdue,
        because=because or (),
        downstream=counts[0],
        held_up=0 if _HOLDING.isdisjoint(troubles) else counts[1],
    )


def _standing(found: Assessment) -> _Standing:
    failed = frozenset(key for key, flags in found.all_flags(found.view.catalog.assets).items() if "failed" in flags)
    stuck = frozenset(key for key, assessed in found.assessed.items() if assessed.status is not Status.FRESH)
    return _Standing(failed=failed, stuck=stuck, blocked=dict(_blocked(found, failed, stuck)))


def _refused(found: Assessment, key: AssetKey) -> dict[str, Ordinals]:
    """By blocking check the partitions whose heads it refuses."""
    refused: dict[str, Ordinals] = {}
    for reasons, ordinals in found.assessed[key].by_reasons.items():
        for reason in reasons:
            if reason.cause is Cause.REFUSED and reason.subject == key:
                refused[reason.check] = refused.get(reason.check, Ordinals()) | ordinals
    return refused


def _declared(found: Assessment, warned: Iterable[Warned]) -> dict[AssetKey, list[Warned]]:
    """What checks say that are declared still, of assets that there are."""
    keys = {id_: key for key, id_ in found.view.ids.items()}
    by_key: dict[AssetKey, list[Warned]] = {}
    for each in warned:
        key = keys.get(each.asset)
        if key is not None and any(check.name == each.check for check in found.view.catalog[key].checks):
            by_key.setdefault(key, []).append(each)
    return by_key


def _blocked(
    found: Assessment, failed: frozenset[AssetKey], stuck: frozenset[AssetKey]
) -> Iterator[tuple[AssetKey, tuple[AssetKey, ...]]]:
    """What is not fresh and cannot be made before somebody does something: by what, of what it reads itself."""
    catalog = found.view.catalog

    def bars(key: AssetKey) -> bool:
        if catalog[key].origin is Origin.EXTERNAL:
            return found.assessed[key].status is Status.MISSING
        return key in failed and key in stuck

    for key in found.assessed:
        if key not in stuck or key in failed:
            continue
        because = tuple(up for up in catalog.graph.upstreams[key] if bars(up))
        if because or key in found.awaiting or key in found.waiting:
            yield key, because
