"""Contents: which files and folders parameters name, so that what lies behind them can be found out. Pure."""

from collections.abc import Mapping
from typing import Any

from latewood.decide.keys import asset_paths, may_name_paths, parameters_of
from latewood.decide.sweep import NO_SWEEP, Sweep
from latewood.model.definitions import Catalog
from latewood.model.keys import AssetKey

NamedPaths = Mapping[AssetKey, frozenset[str]]
"""By asset that has any, the texts in parameters, its own and those of its checks, that may be paths."""


def named_paths(catalog: Catalog, sweep: Sweep = NO_SWEEP) -> NamedPaths:
    """What the parameters name: as the definitions have them, and where the sweep gives values, by those.

    Cost: O(assets + values).
    """
    given: dict[AssetKey, list[Mapping[str, Any]]] = {}
    for alternative in (alternative for axis in sweep.axes for alternative in axis):
        for key, values in alternative.items():
            given.setdefault(key, []).append(values)
    found: dict[AssetKey, frozenset[str]] = {}
    for key, asset in catalog.assets.items():
        if not may_name_paths(asset):
            continue
        texts = {t for values in given.get(key, ({},)) for t in asset_paths(asset, parameters_of(asset.task, values))}
        if texts:
            found[key] = frozenset(texts)
    return found
