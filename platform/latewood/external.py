"""Assets that others make, and views of assets: defined and watched here, and run by nobody here.

Tasks name them in `deps=` and get at the content themselves; its version counts for their reuse and staleness all the
same. `observe` looks at an external asset when asked; tools outside say `latewood report`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack, cast

from latewood.authoring import Asset, AssetOptions, Observer, TaskOptions, Upstream
from latewood.decide.keys import digest
from latewood.model.definitions import Origin
from latewood.model.schemes import Scheme
from latewood.promises import Place, here

__all__ = ["DataVersion", "external_asset", "observe", "virtual_asset"]

P = ParamSpec("P")
R = TypeVar("R")


class OutsideOptions(TypedDict, total=False):
    """What an asset may be told that no function makes; as for `asset`."""

    group: str
    owners: Iterable[str]
    tags: Mapping[str, str]
    kinds: Iterable[str]
    description: str
    metadata: Mapping[str, Any]
    partitions: Scheme


@dataclass(frozen=True, slots=True)
class DataVersion:
    """What an observer saw: what tells one content from another (an etag, a time), and facts about it."""

    version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def external_asset(key: str, **options: Unpack[OutsideOptions]) -> Asset[[], Any]:
    """An asset that somebody else makes: its versions are observations."""
    return _asset(key, Origin.EXTERNAL, options, here(), code_version="1")


def virtual_asset(
    key: str, inputs: Iterable[Upstream], *, definition: str = "", **options: Unpack[OutsideOptions]
) -> Asset[[], Any]:
    """A view of other assets, in a warehouse say: as fresh as they are, and new whenever any of them is.

    A change of `definition` (the SQL of the view, say) is a change of its content too.
    """
    return _asset(key, Origin.VIRTUAL, options, here(), code_version=digest(definition), deps=tuple(inputs))


def observe(asset: Upstream, /, **options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Observer[P, R]]:
    """Make the decorated function the one that looks at the external asset: it returns text, or a `DataVersion`.

    It may ask for its partition and its context as tasks do. `latewood observe` calls it.
    """
    return lambda decorated: Observer(decorated, asset, options)


def _asset(key: str, origin: Origin, options: OutsideOptions, place: Place, **more: Any) -> Asset[[], Any]:
    def nobody() -> Any:
        raise TypeError(f'"{key}" is {origin.value}: no function makes it')

    nobody.__name__ = key.rpartition("/")[2]
    nobody.__doc__ = options.get("description", "")
    told = cast("AssetOptions", {**options, "key": key, "name": f"{origin.value}:{key}", **more})
    return Asset(nobody, told, origin=origin, place=place)
