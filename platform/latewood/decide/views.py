"""What lies behind virtual assets: the assets that they are views of, however many views are in between."""

from collections.abc import Iterable
from datetime import datetime

from latewood.decide.keys import digest
from latewood.model.definitions import Catalog, Origin
from latewood.model.keys import AssetKey, PartitionKey
from latewood.model.mappings import upstream_ordinals
from latewood.model.ordinals import Ordinals


def behind(catalog: Catalog, key: AssetKey, ordinals: Ordinals, now: datetime) -> dict[AssetKey, Ordinals]:
    """What reading these partitions of an asset comes to: itself, or all behind a view. Cost: O(partitions)."""
    if key not in catalog.assets:
        return {}
    asset = catalog[key]
    if asset.origin is not Origin.VIRTUAL:
        return {key: ordinals}
    found: dict[AssetKey, Ordinals] = {}
    for input_ in asset.task.inputs:
        up = catalog[input_.asset].partitions if input_.asset in catalog.assets else None
        read = Ordinals.of_ranges(
            r for o in ordinals for r in upstream_ordinals(input_.mapping, up, asset.partitions, o, now).ranges
        )
        for source, of in behind(catalog, input_.asset, read, now).items():
            found[source] = found.get(source, Ordinals()) | of
    return found


def through_name(input_: str, asset: AssetKey) -> str:
    """How a step's event calls what it read of an asset through a view."""
    return f"{input_}/{asset}"


def contents_version(contents: Iterable[tuple[PartitionKey, str]]) -> str:
    """These data versions by partition as one, whatever their order; a single one as it is."""
    contents = sorted(contents)
    if len(contents) == 1:
        return contents[0][1]
    return "contents1:" + digest(*[part for pair in contents for part in pair])
