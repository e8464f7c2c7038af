"""IO that assets name: what is recorded of it, what it is configured with, and what is wrong with it."""

import typing
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from latewood.decide.canonical import canonical
from latewood.engine.loading.signature import resource_class
from latewood.engine.values.file_io import BUILT_IN, FileIO, takes
from latewood.errors import DefinitionError
from latewood.model.definitions import AssetDefinition, Origin, Output, StoredBy, UsedResource
from latewood.model.keys import AssetKey
from latewood.model.schemes import Scheme
from latewood.places import IO, faults_of, template_identity

if TYPE_CHECKING:
    from latewood.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveIO:
    """An IO that can be called once its resources are given, by field."""

    io: IO
    resources: "Mapping[str, type[Resource]]"

    @property
    def stored(self) -> StoredBy:
        """What is recorded of it."""
        name, holds = type(self.io).__name__, self.io.holds_partitions
        return StoredBy(io=name, place=self.io.place, holds_partitions=holds)

    @property
    def configuration(self) -> str:
        """What the instance was made with, as text. Raises DefinitionError for what is no JSON."""
        return self._configured(vars(self.io))

    @property
    def reading(self) -> str:
        """The same but for the place: what decides what it loads from there."""
        return self._configured({name: value for name, value in vars(self.io).items() if name != "place"})

    def _configured(self, fields: Mapping[str, Any]) -> str:
        values = {name: value for name, value in fields.items() if name not in self.resources}
        for name, value in values.items():
            try:
                msgspec.json.encode(value)
            except (TypeError, ValueError, OverflowError, RecursionError):
                raise DefinitionError(
                    f"io: {type(self.io).__name__}.{name}: expected what can be written as JSON, since it is part of "
                    f"the reuse key; found {type(value).__name__}. What it needs while it works is a resource: "
                    f"annotate a field with its class"
                ) from None
        return canonical(msgspec.json.decode(msgspec.json.encode(values))).hex()

    def uses(self, by: str) -> Iterator[UsedResource]:
        """The resources that it asks for, as a task does; `by` is what it is asked for, an output or an input."""
        for field, cls in sorted(self.resources.items()):
            yield UsedResource(parameter=f"{by}.io.{field}", resource=cls.__resource_name__, unkeyed=cls.__unkeyed__)


def live_io(io: IO, output: Output, scheme: Scheme | None, origin: Origin) -> LiveIO:
    """The IO of an output. Raises DefinitionError with what is wrong with it there."""
    cls = type(io)
    if origin is Origin.VIRTUAL:
        raise DefinitionError("io: nothing loads the value of a view")
    if origin is Origin.MADE and cls.store is IO.store:
        raise DefinitionError(f"io: {cls.__name__} has no store(); it can only load what others store")
    if cls.__name__ in BUILT_IN and not isinstance(io, FileIO):
        raise DefinitionError(f'io: "{cls.__name__}" is what Latewood calls an IO of its own; call yours otherwise')
    if not isinstance(getattr(io, "place", None), str):
        raise DefinitionError(f"io: {cls.__name__} has no place; its __init__ calls super().__init__(place)")
    try:
        hints = typing.get_type_hints(cls)
    except Exception as error:  # evaluating annotations runs user code: a name may be missing, anything may be raised
        raise DefinitionError(f"io: annotations of {cls.__name__} cannot be read: {error}") from error
    fields = {name: resource for name, hint in hints.items() if (resource := resource_class(hint)) is not None}
    found = LiveIO(io=io, resources=fields)
    faults = [*faults_of(found.stored, scheme), *filter(None, [takes(io, output.type)])]
    if faults:
        raise DefinitionError("; ".join(faults))
    found.configuration  # noqa: B018 - refused here, where its place is known
    return found


def shared_places(
    outputs: Iterable[Output], others: Collection[AssetDefinition], external: Collection[AssetKey], root: Path
) -> dict[AssetKey, str]:
    """By asset what is wrong where several lie at the same places; `external` are those that nobody here stores."""
    own = {output.asset: output.stored for output in outputs if output.stored is not None}
    lying = {o.key: o.stored for o in others if o.stored is not None and o.key not in own}
    outside = {*external, *(o.key for o in others if o.origin is Origin.EXTERNAL)}
    at: dict[str, list[AssetKey]] = {}
    for key, stored in {**own, **lying}.items():
        at.setdefault(template_identity(stored, key, root), []).append(key)
    found: dict[AssetKey, str] = {}
    for key, stored in own.items():
        place = stored.place.replace("{asset}", key)
        for beside in (other for other in at[template_identity(stored, key, root)] if other != key):
            found.setdefault(key, f'io: "{beside}" {_beside(key, beside, place, outside)}')
    return found


def _beside(key: AssetKey, beside: AssetKey, place: str, outside: Collection[AssetKey]) -> str:
    match key in outside, beside in outside:
        case True, False:
            return f"is stored at {place}, so that it is made here: read that one"
        case False, True:
            return f"is what others store at {place}; store it elsewhere"
        case True, True:
            return f"lies at {place} too: read that one, or put into the place what tells them apart"
        case _:
            return f"is stored at {place} too, and they would overwrite each other"


def built_in_io(stored: StoredBy) -> LiveIO | None:
    """The IO by what is recorded of it; None where that takes the code of its location."""
    found = BUILT_IN.get(stored.io)
    return None if found is None else LiveIO(io=found(stored.place), resources={})


def unreadable_elsewhere(upstream: AssetDefinition) -> str | None:
    """What is wrong with loading an asset of another location, whose IO only its own code has."""
    stored = upstream.stored
    if stored is None or stored.io in BUILT_IN:
        return None
    return (
        f'"{upstream.key}" lies at {stored.place}, where only {stored.io} of its own location can load it; '
        f"name it in deps=[…] and read it in the function, or store it by an IO of latewood.io"
    )
