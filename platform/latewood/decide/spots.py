"""Where what makes an asset partition stale lies: upstream, by partitions, and by which way it is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from latewood.decide.reasons import Cause
from latewood.decide.staleness import Assessed
from latewood.decide.state import State
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey
from latewood.model.mappings import upstream_ranges
from latewood.model.ordinals import Ordinals
from latewood.model.relations import Parallel, Shared, ordinals_read


@dataclass(slots=True, kw_only=True)
class Spot:
    """Partitions of one asset that bear on what was asked about, and the spot that reads them."""

    key: AssetKey
    reader: "Spot | None"
    ordinals: Ordinals

    @property
    def through(self) -> tuple[AssetKey, ...]:
        """The readers from here to what was asked about."""
        readers: list[AssetKey] = []
        spot = self.reader
        while spot is not None:
            readers.append(spot.key)
            spot = spot.reader
        return tuple(readers)


def stale_spots(
    catalog: Catalog, assessed: Mapping[AssetKey, Assessed], state: State, key: AssetKey, ordinals: Ordinals
) -> list[Spot]:
    """The asset, and all upstream of it whose being stale makes it stale; upstream first.

    One sweep against the topological order, not a descent: chains of assets or of partitions may be long.
    """
    spots = {key: Spot(key=key, reader=None, ordinals=ordinals)}
    for reader in reversed(catalog.graph.topological):
        if reader not in spots:
            continue
        spot = spots[reader]
        unread = spot.ordinals
        while unread:  # again only for what reads its own earlier partitions
            new = Ordinals()
            for upstream, read in _stale_reads(catalog, assessed[reader], state, unread):
                found = spots.setdefault(upstream, Spot(key=upstream, reader=spot, ordinals=Ordinals()))
                if found is spot:
                    new |= read - spot.ordinals
                found.ordinals |= read
            unread = new
    # Found against the order, each after all that reads it; what is not in the catalog reads nothing.
    order = {asset: number for number, asset in enumerate(catalog.graph.topological)}
    return sorted(spots.values(), key=lambda spot: order.get(spot.key, -1))


def _stale_reads(
    catalog: Catalog, assessed: Assessed, state: State, ordinals: Ordinals
) -> Iterator[tuple[AssetKey, Ordinals]]:
    """What these partitions read of upstreams that make them stale, where that exists."""
    down = assessed.node.assets[0].partitions
    for reasons, affected in assessed.by_reasons.items():
        here = affected & ordinals
        upstreams = {reason.subject for reason in reasons if reason.cause is Cause.UPSTREAM}
        for input_ in assessed.node.task.inputs if here else ():
            if input_.asset not in upstreams:
                continue
            pieces: tuple[Parallel | Shared, ...] = ()
            if input_.asset in catalog.assets:
                up = catalog[input_.asset].partitions
                pieces = upstream_ranges(input_.mapping, up, down, here, state.now)
            yield input_.asset, Ordinals.of_ranges(r for piece in pieces for r in ordinals_read(piece).ranges)
