"""Places in a run: values stored there and loaded from there by IO, which is user code, and what lies there now."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from latewood.engine.loading.live_io import LiveIO
from latewood.engine.running.calls import Raised, Returned, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.storage.file_hash import path_version
from latewood.engine.values.file_io import BUILT_IN, FileIO
from latewood.engine.values.recordable import text
from latewood.engine.values.redaction import redacted
from latewood.engine.values.values import Examined
from latewood.errors import StoreError, ValueRefused
from latewood.events import Failure
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, PartitionKey
from latewood.places import IO, Address, Place, is_fingerprint, kept_at, name_at, name_of

_AGAIN = "Materialize it again; what others make there, observe again."
_NAMES_BYTES_MAX = 4_000  # of the places of a step's outputs together: for more its event has no room


class PlaceFailed(StoreError):
    """An IO failed: what it raised, as a failure of user code, and what it printed."""

    def __init__(self, act: str, place: str, raised: Raised) -> None:
        failure = raised.failure
        super().__init__(act, place, f"{failure.error}: {failure.message}", "Its IO says why.")
        self.failure: Failure = failure
        self.output = raised.output


class PlaceChanged(StoreError):
    """What lies at a place is not what was recorded to lie there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A value is at its place; what its IO printed."""

    address: Address
    output: str


class Places:
    """The places of a location's assets, and of all whose IO is Latewood's own; relative ones start from `root`.

    `version` is the hash of a file that is looked at. What is loaded is always read.
    """

    def __init__(
        self,
        ios: Mapping[AssetKey, LiveIO],
        root: Path,
        resources: OpenResources,
        version: Callable[[Path], str] = path_version,
    ) -> None:
        self._version = version
        self._ios = ios
        self._root = root
        self._resources = resources

    def put(
        self,
        asset: AssetDefinition,
        partition: PartitionKey,
        environment: str,
        examined: Examined,
        timeout: timedelta | None,
    ) -> Put | Raised:
        """Store a value that the task has made at the place of its asset partition. Raises ValueRefused."""
        live = self._ios[asset.key]
        name = _name_at(asset, partition, environment)
        place = Place(name=name, partition=partition, root=self._root, annotation=examined.annotation)

        def act() -> str:
            io = self._ready(live)
            if isinstance(io, FileIO):
                io.write(place, examined.encoded)
            else:
                io.store(place, examined.value)
            return io.fingerprint(place)

        match call(act, {}, timeout=timeout):
            case Raised() as raised:
                return raised
            case Returned(value=fingerprint, output=output):
                kept = kept_at(name, partition, holds_partitions=live.io.holds_partitions)
                return Put(address=Address(live.stored.io, kept, _sound(fingerprint, live.io)), output=output)

    def load(self, of: AssetKey, partition: PartitionKey, artifact: str, annotation: Any) -> Any:
        """The value of a version that lies at a place, held to the fingerprint that was recorded.

        Raises PlaceChanged, PlaceFailed, ValueRefused.
        """
        address = Address.of(artifact)
        assert address is not None, "only such versions lie at places"
        found = self._io_of(of, address)
        if address.connector:
            raise ValueRefused(
                f'"{of}" lies at {address.place} in {address.connector}; only for steps that read it is it brought here'
            )
        if found is None:
            raise ValueRefused(
                f'"{of}" lies at {address.place}, and was stored by {address.io}, which is not what stores it here'
            )
        place = self._place(found, address, partition, annotation)

        def act() -> tuple[Any, str]:
            io = self._ready(found)
            if not io.exists(place):
                return None, ""
            try:
                value = io.load(place)
            except Exception:
                if (there := io.fingerprint(place)) != address.fingerprint:
                    return None, there  # that is why
                raise
            return value, io.fingerprint(place)  # afterwards: whatever changed it meanwhile is seen

        match call(act, {}):
            case Raised() as raised:
                raise PlaceFailed("load", address.place, raised)
            case Returned(value=(value, fingerprint)):
                if fingerprint != address.fingerprint:
                    what = "another content than was recorded" if fingerprint else "nothing there any more"
                    raise PlaceChanged("load", address.place, f"there is {what}", _AGAIN)
                return value
        raise AssertionError("a call returns or raises")

    def find(self, asset: AssetDefinition, partition: PartitionKey, environment: str) -> tuple[Address, str]:
        """Where the asset partition lies by its IO, the fingerprint of what is there, and what the IO printed.

        The fingerprint is empty for nothing. Raises PlaceFailed, ValueRefused. Cost: what the IO's fingerprint costs.
        """
        live = self._ios[asset.key]
        name = _name_at(asset, partition, environment)
        kept = kept_at(name, partition, holds_partitions=live.io.holds_partitions)
        place = Place(name=name, partition=partition, root=self._root)
        fingerprint, output = self._fingerprint(live, place, kept)
        return Address(live.stored.io, kept, fingerprint), output

    def look(self, of: AssetKey, partition: PartitionKey, artifact: str) -> str | None:
        """The fingerprint of what lies at the place of a version, empty for nothing; None if nobody here can tell.

        Raises PlaceFailed. Cost: what the IO's fingerprint costs.
        """
        address = Address.of(artifact)
        found = None if address is None else self._io_of(of, address)
        if address is None or found is None:
            return None
        return self._fingerprint(found, self._place(found, address, partition, Any), address.place)[0]

    def _fingerprint(self, live: LiveIO, place: Place, called: str) -> tuple[str, str]:
        """What is at the place, empty for nothing, and what the IO printed."""

        def act() -> str:
            io = self._ready(live)
            if not io.exists(place):
                return ""
            return self._version(place.path) if type(io) in BUILT_IN.values() else io.fingerprint(place)

        match call(act, {}):
            case Raised() as raised:
                raise PlaceFailed("look at", called, raised)
            case Returned(value=fingerprint, output=output):
                return (_sound(fingerprint, live.io) if fingerprint else ""), output

    def _io_of(self, of: AssetKey, address: Address) -> LiveIO | None:
        """What stored it: the asset's own IO, or one of Latewood's whatever the asset has by now."""
        live = self._ios.get(of)
        if live is not None and live.stored.io == address.io:
            return live
        built_in = BUILT_IN.get(address.io)
        return None if built_in is None else LiveIO(io=built_in(address.place), resources={})

    def _place(self, live: LiveIO, address: Address, partition: PartitionKey, annotation: Any) -> Place:
        name = name_of(address.place, partition, holds_partitions=live.io.holds_partitions)
        return Place(name=name, partition=partition, root=self._root, annotation=annotation)

    def _ready(self, live: LiveIO) -> IO:
        """The IO with its resources. Entering them is user code."""
        if not live.resources:
            return live.io
        ready = copy(live.io)
        for field, cls in live.resources.items():
            setattr(ready, field, self._resources.opened(cls.__resource_name__))
        return ready


def _name_at(asset: AssetDefinition, partition: PartitionKey, environment: str) -> str:
    """The place by the asset's IO. Raises ValueRefused for one that is too long to be recorded."""
    name = name_at(asset, partition, environment)
    room = _NAMES_BYTES_MAX // len(asset.task.outputs)
    if (size := len(name.encode())) > room:
        raise ValueRefused(f'place of "{asset.key}": expected at most {room:,} bytes, found {size:,}')
    return name


def _sound(fingerprint: object, io: IO) -> str:
    if not isinstance(fingerprint, str) or not is_fingerprint(fingerprint) or redacted(fingerprint) != fingerprint:
        raise ValueRefused(
            f"{type(io).__name__}.fingerprint: expected 1 to 200 printable characters without spaces and #, "
            f"found {text(repr(fingerprint), 80)}"
        )
    return fingerprint
