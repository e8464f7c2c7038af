"""Observers of a module: which external asset each looks at, and its task."""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from latewood.authoring import Observer
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.naming import Directory
from latewood.engine.loading.problems import Consequence, Problems
from latewood.engine.loading.signature import LiveTask, read_signature
from latewood.engine.loading.tasks import bare_task, live_task
from latewood.errors import DefinitionError
from latewood.model.definitions import AssetDefinition, Origin
from latewood.model.keys import AssetKey


def define_observers(
    observers: Iterable[Observer[..., Any]],
    assets: Mapping[AssetKey, AssetDefinition],
    directory: Directory,
    inspector: Inspector,
    problems: Problems,
) -> dict[AssetKey, tuple[AssetDefinition, LiveTask]]:
    """The assets with their observers' tasks, and the live functions; what is wrong is added to the problems."""
    defined: dict[AssetKey, tuple[AssetDefinition, LiveTask]] = {}
    for observer in observers:
        function = observer.function
        try:
            asset = _observed(observer, assets, directory)
            if asset.key in defined:
                raise DefinitionError(f'"{asset.key}" has another observer')
            signature = read_signature(function)
            if signature.inputs:
                raise DefinitionError(
                    f"an observer reads no assets, but has the parameter {next(iter(signature.inputs))}"
                )
            if asset.partitions is None and {"window", "key", "range"} & set(signature.receives.values()):
                raise DefinitionError(f'asks for its partition, but "{asset.key}" has none')
            task = replace(bare_task(function, observer.options, signature, inspector), outputs=asset.task.outputs)
            if missing := [parameter.name for parameter in task.parameters if parameter.required]:
                raise DefinitionError(f"nobody gives an observer a value for {missing[0]}: give it a default")
        except Consequence:
            continue
        except DefinitionError as error:
            problems.add(function, f'observer "{function.__name__}": {error.message}')
            continue
        defined[asset.key] = (replace(asset, task=task, observable=True), live_task(function, signature, {}))
    return defined


def _observed(
    observer: Observer[..., Any], assets: Mapping[AssetKey, AssetDefinition], directory: Directory
) -> AssetDefinition:
    key = directory.by_upstream(observer.asset, AssetKey(""))
    if key not in assets:
        if key in directory.own:
            raise Consequence(f'"{key}" has errors of its own')
        raise DefinitionError(f'"{key}" belongs to another location; observe it there')
    if assets[key].origin is not Origin.EXTERNAL:
        raise DefinitionError(f'"{key}" is not external: expected an external_asset(…)')
    if key in directory.readable:
        raise DefinitionError(f'"{key}" has an IO, which says what is there: it needs no observer')
    return assets[key]
