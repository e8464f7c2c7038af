"""Assets that others make, and views of assets: defined and watched here, and run by nobody here.

    orders = external_asset("raw/orders", io=Parquet("in/orders.parquet"))

With an IO functions receive its value as that of any asset, and the IO says what is there when it is observed. Without
one they name it in `deps=` and get at the content themselves; its version counts for their reuse and staleness all the
same. Then `observe` looks at it when asked, or tools outside say `latewood report`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack, cast

from latewood.authoring import Asset, AssetOptions, Observer, TaskOptions, Upstream
from latewood.decide.keys import digest
from latewood.errors import DefinitionError
from latewood.model.definitions import Origin
from latewood.model.schemes import Scheme
from latewood.places import IO
from latewood.promises import Place, here, require_subject

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


class ExternalOptions(OutsideOptions, total=False):
    """What an external asset may be told besides.

    io: where its values lie, and what loads them (`latewood.io`). type: what they are, for functions that receive them;
    without it their own annotations say so.
    """

    io: IO
    type: Any


@dataclass(frozen=True, slots=True)
class DataVersion:
    """What an observer saw: what tells one content from another (an etag, a time), and facts about it."""

    version: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def external_asset(key: str, **options: Unpack[ExternalOptions]) -> Asset[[], Any]:
    """An asset that somebody else makes: its versions are observations."""
    told: Any = dict(options)
    type_ = told.pop("type", None)
    if type_ is not None and "io" not in told:
        raise DefinitionError(f'external_asset("{key}"): type= says what io= loads; there is no io=')
    asset = _asset(key, Origin.EXTERNAL, told, here(), code_version="1")
    asset.function.__annotations__["return"] = Any if type_ is None else type_
    return asset


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
    require_subject(asset, "observe")
    return lambda decorated: Observer(decorated, asset, options)


def _asset(key: str, origin: Origin, options: OutsideOptions, place: Place, **more: Any) -> Asset[[], Any]:
    def nobody() -> Any:
        raise TypeError(f'"{key}" is {origin.value}: no function makes it')

    nobody.__name__ = key.rpartition("/")[2]
    nobody.__doc__ = options.get("description", "")
    told = cast("AssetOptions", {**options, "key": key, "name": f"{origin.value}:{key}", **more})
    return Asset(nobody, told, origin=origin, place=place)
