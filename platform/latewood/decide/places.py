"""Where what makes an asset partition stale lies: upstream, by partitions, and by which way it is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from latewood.decide.reasons import Cause
from latewood.decide.staleness import Assessed
from latewood.decide.state import State
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey
from latewood.model.mappings import upstream_ranges
from latewood.model.ordinals import Ordinals, Range
from latewood.model.relations import Parallel, Shared


@dataclass(slots=True, kw_only=True)
class Place:
    """Partitions of one asset that bear on what was asked about, and the place that reads them."""

    key: AssetKey
    reader: "Place | None"
    ordinals: Ordinals

    @property
    def through(self) -> tuple[AssetKey, ...]:
        """The readers from here to what was asked about."""
        readers: list[AssetKey] = []
        place = self.reader
        while place is not None:
            readers.append(place.key)
            place = place.reader
        return tuple(readers)


def stale_places(
    catalog: Catalog, assessed: Mapping[AssetKey, Assessed], state: State, key: AssetKey, ordinals: Ordinals
) -> list[Place]:
    """The asset, and all upstream of it whose being stale makes it stale; upstream first.

    One sweep against the topological order, not a descent: chains of assets or of partitions may be long.
    """
    places = {key: Place(key=key, reader=None, ordinals=ordinals)}
    for reader in reversed(catalog.graph.topological):
        if reader not in places:
            continue
        place = places[reader]
        unread = place.ordinals
        while unread:  # again only for what reads its own earlier partitions
            new = Ordinals()
            for upstream, read in _stale_reads(catalog, assessed[reader], state, unread):
                found = places.setdefault(upstream, Place(key=upstream, reader=place, ordinals=Ordinals()))
                if found is place:
                    new |= read - place.ordinals
                found.ordinals |= read
            unread = new
    # Found against the order, each after all that reads it; what is not in the catalog reads nothing.
    order = {asset: number for number, asset in enumerate(catalog.graph.topological)}
    return sorted(places.values(), key=lambda place: order.get(place.key, -1))


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
            yield input_.asset, Ordinals.of_ranges(r for piece in pieces for r in _read(piece))


def _read(piece: Parallel | Shared) -> tuple[Range, ...]:
    if isinstance(piece, Shared):
        return piece.upstream.ranges
    return ((piece.start + piece.by, piece.stop + piece.by),)
