"""What bears on a decision about some assets: which assets, and of which partitions heads may count. Pure.

All else may be left unread, however much of it there is: a decision comes out the same.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from latewood.decide.nodes import keys_at
from latewood.errors import DefinitionError
from latewood.model.definitions import Catalog, Input
from latewood.model.keys import UNPARTITIONED, AssetKey, PartitionKey
from latewood.model.mappings import upstream_ranges
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import existing, extent, keys_of
from latewood.model.relations import ordinals_read as ordinals_of
from latewood.model.schemes import Scheme

NAMED_MAX: Final = 10_000
"""Partitions that are named one by one, of all assets together; unpartitioned assets aside."""


def bearing_on(catalog: Catalog, keys: Collection[AssetKey]) -> frozenset[AssetKey]:
    """Those of these assets that there are, all they read, directly or not, and what is made together with any of them.

    Cost: O(assets + edges).
    """
    known = catalog.assets
    if known.keys() <= set(keys):
        return frozenset(known)
    reached = catalog.graph.upstream_of([key for key in keys if key in known])
    return reached | {output.asset for key in reached for output in known[key].task.outputs if output.asset in known}


def ordinals_bearing(
    catalog: Catalog, selected: Collection[AssetKey], partitions: Mapping[AssetKey, Ordinals], now: datetime
) -> dict[AssetKey, Ordinals]:
    """By asset the partitions that are asked for, all that they read, directly or not, and what is made with any of it.

    Of an asset that reads its own earlier partitions they are all of them. `partitions` as in a request.
    Cost: O(assets + edges), and as `upstream_ranges` for each edge.
    """
    known, found = catalog.assets, dict[AssetKey, Ordinals]()

    def add(key: AssetKey, ordinals: Ordinals) -> None:
        found[key] = found.get(key, _NONE) | ordinals

    for key in selected:
        there = existing(known[key].partitions, now)
        add(key, partitions.get(key, there) & there)
    for key in reversed(catalog.graph.topological):
        if key not in found:
            continue
        task, scheme = known[key].task, known[key].partitions
        made = [output.asset for output in task.outputs if output.asset in known]
        if key in catalog.graph.self_dependent:
            found[key] = existing(scheme, now)
        for sibling in made:
            add(sibling, found[key])
        for input_ in task.inputs:
            if input_.asset in known and input_.asset not in made:
                add(input_.asset, ordinals_read(input_, known[input_.asset].partitions, scheme, found[key], now))
    return found


def ordinals_read(input_: Input, up: Scheme | None, down: Scheme | None, ordinals: Ordinals, now: datetime) -> Ordinals:
    """The upstream partitions that these partitions read by an input. Cost: as `upstream_ranges`."""
    there = existing(up, now)
    try:
        pieces = () if up is None else upstream_ranges(input_.mapping, up, down, ordinals, now)
    except DefinitionError:  # another location has changed the scheme since: what reads it says so, if it is asked for
        return there
    return there if up is None else Ordinals.of_ranges(r for piece in pieces for r in ordinals_of(piece).ranges)


def partitions_bearing(
    catalog: Catalog,
    keys: Collection[AssetKey],
    now: datetime,
    asked: Mapping[AssetKey, Ordinals] = MappingProxyType({}),
) -> dict[AssetKey, Sequence[PartitionKey]]:
    """The partitions of these assets by key, of as many assets as have few enough to be named; the smallest first.

    Of those in `asked` only these. A head of any other partition is of one that nobody looks at, or that the scheme has
    no more: it counts for nothing unless it is carried over. Cost: O(assets log assets + NAMED_MAX).
    """
    found: dict[AssetKey, Sequence[PartitionKey]] = {}
    sizes: list[tuple[int, AssetKey]] = []
    for key in keys:
        scheme = catalog[key].partitions
        if scheme is None:
            found[key] = (UNPARTITIONED,)
        else:
            sizes.append((len(asked[key]) if key in asked else extent(scheme, now), key))
    left = NAMED_MAX
    for size, key in sorted(sizes):
        left -= size
        if left < 0:
            break
        scheme = catalog[key].partitions
        found[key] = keys_of(scheme, asked[key]) if key in asked else keys_at(scheme, size)
    return found


_NONE: Final = Ordinals()
