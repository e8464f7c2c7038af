"""Whose an asset is that a module has imported: its own, unless a location that defines it is there by itself."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from latewood.authoring import Asset, Check, Observer, OutputOf, Upstream
from latewood.automation import Automation
from latewood.engine.code.sources import is_first_party
from latewood.engine.loading.assembly import Found
from latewood.engine.loading.naming import same_elsewhere
from latewood.engine.loading.problems import place_of
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey


def without_others(found: Found, module: ModuleType, others: Mapping[AssetKey, AssetDefinition], root: Path) -> Found:
    """What the module holds without the assets that it imports and that other locations define, and what judges these.

    They can be read under the names they have here. What nobody else has deployed is taken in with the file that
    imports it, and what a `Definitions` names is its own by its word. Cost: O(attributes of the user's own modules).
    """
    if found.declared or not others:
        return found
    strangers = [asset for asset in found.assets if not _is_made_in(module, asset)]
    held = set(_held_by_others(module)) if strangers else set()
    theirs = {id(a) for a in strangers if id(a) in held and same_elsewhere(a, others, root) is not None}
    if not theirs:
        return found

    def stays(judge: Check[..., Any] | Observer[..., Any]) -> bool:
        return _lies_in(module, judge.function) or id(_object(judge.asset)) not in theirs

    return replace(
        found,
        assets=tuple(asset for asset in found.assets if id(asset) not in theirs),
        checks=tuple(filter(stays, found.checks)),
        observers=tuple(filter(stays, found.observers)),
        imported=len(theirs),
    )


def own_automations(found: Found, module: ModuleType) -> Found:
    """The same without the automations that the module imports: they are those of the file that makes them.

    Else what happens by itself would happen twice. What a `Definitions` names is its own by its word.
    """
    strangers = [each for each in found.automations if Path(each.place.file) != Path(str(module.__file__))]
    if found.declared or not strangers:
        return found
    held = set(_held_by_others(module, Automation))
    theirs = {id(each) for each in strangers if id(each) in held}
    return replace(found, automations=tuple(each for each in found.automations if id(each) not in theirs))


def values(attributes: Mapping[str, Any]) -> Iterator[Any]:
    """Attributes, and what lies in lists, tuples and dicts of them: assets made in a loop are kept somewhere."""
    for value in attributes.values():
        if isinstance(value, list | tuple):
            yield from value
        elif type(value) is dict:
            yield from value.values()
        else:
            yield value


def _held_by_others(module: ModuleType, kind: Any = Asset) -> Iterable[int]:
    """Assets, or what is of that kind, that other modules of the user have; what only this one has was made here."""
    for name, other in list(sys.modules.items()):
        file = getattr(other, "__file__", None)
        if other is not module and file is not None and is_first_party(name, file):
            yield from (id(value) for value in values(dict(vars(other))) if isinstance(value, kind))


def _is_made_in(module: ModuleType, asset: Asset[..., Any]) -> bool:
    if asset.place is not None:
        return Path(asset.place.file) == Path(str(module.__file__))
    return _lies_in(module, asset.function)


def _lies_in(module: ModuleType, function: Any) -> bool:
    return Path(place_of(function).file) == Path(str(module.__file__))


def _object(upstream: Upstream) -> object:
    return upstream.asset if isinstance(upstream, OutputOf) else upstream
