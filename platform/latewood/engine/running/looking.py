"""One look at an external asset: by its IO, or by its observer. User code fails here as it does in an attempt."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from latewood.context import Context
from latewood.decide.keys import parameters_of, seen_version
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.signature import live_parameter
from latewood.engine.running.attempt import received, refused
from latewood.engine.running.calls import Raised, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.placing import Places
from latewood.engine.values.file_io import BUILT_IN
from latewood.engine.values.recordable import recordable_metadata, recordable_version
from latewood.errors import StoreError, ValueRefused
from latewood.events import Failure, FailureKind
from latewood.external import DataVersion
from latewood.model.definitions import AssetDefinition
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood.model.partitions import key_at
from latewood.model.schemes import dynamic_names


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is there. `artifact` is where it lies for whoever loads it, empty where nothing here can.

    `output` is what was printed and logged meanwhile, `added` are keys of dynamic partitions, by name.
    """

    data_version: str
    metadata: Mapping[str, Any]
    artifact: str = ""
    output: str = ""
    added: Mapping[str, Iterable[PartitionKey]]


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing is there: the place that was looked at."""

    place: str


class Looking:
    """Looks at external assets of a loaded location, for one observation."""

    def __init__(
        self,
        loaded: Loaded,
        resources: OpenResources,
        run: RunId,
        clock: Callable[[], datetime],
        environment: str,
        assets: Collection[AssetDefinition],
    ) -> None:
        self._loaded = loaded
        self._resources = resources
        self._places = Places(loaded.ios, loaded.root, resources)
        self._run = run
        self._clock = clock
        self._environment = environment
        self._dynamic = frozenset(name for asset in assets for name in dynamic_names(asset.partitions))

    def look(self, asset: AssetDefinition, ordinal: int) -> Sight | Absent | Raised:
        """What is there of one partition."""
        if asset.stored is not None:
            return self._by_io(asset, key_at(asset.partitions, ordinal))
        return self._by_observer(asset, ordinal)

    def _by_io(self, asset: AssetDefinition, partition: PartitionKey) -> Sight | Absent | Raised:
        try:
            address, output = self._places.find(asset, partition, self._environment)
        except (ValueRefused, StoreError) as error:
            return refused(error)
        if not address.fingerprint:
            return Absent(address.place)
        # Files are told apart by a hash of their bytes, wherever they lie; what others count may be the same elsewhere.
        of_content = address.io in BUILT_IN
        return Sight(
            data_version=address.fingerprint
            if of_content
            else seen_version(address.where, address.fingerprint, asset.task.uses),
            metadata={},
            artifact=address.written,
            output=output,
            added={},
        )

    def _by_observer(self, asset: AssetDefinition, ordinal: int) -> Sight | Raised:
        live, task = self._loaded.observers[asset.key], asset.task
        context = Context(
            assets=(asset.key,),
            outputs=(asset.output,),
            partition=key_at(asset.partitions, ordinal),
            run=self._run,
            attempt=1,
            now=self._clock,
            is_cancelled=lambda: False,
            on_progress=lambda _share, _message: None,
            dynamic=self._dynamic,
        )
        values = parameters_of(task, {})
        arguments = {
            name: live_parameter(type_, values[name], self._loaded.root) for name, type_ in live.parameters.items()
        }
        outcome = call(
            self._resources.calling(live),
            arguments | received(live, asset, (ordinal, ordinal + 1), context),
            timeout=task.timeouts.once,
        )
        if isinstance(outcome, Raised):
            return outcome
        try:
            found = _as_data_version(outcome.value, asset.key)
            told = checked(DataVersion(found.version, {**found.metadata, **context.metadata}), asset.key)
        except ValueRefused as error:
            failure = Failure(kind=FailureKind.REFUSED, error="ValueRefused", message=str(error))
            return Raised(failure=failure, duration_ms=outcome.duration_ms, output=outcome.output)
        return Sight(
            data_version=given(told),
            metadata=told.metadata,
            output=outcome.output,
            added=context.partitions_added,
        )


def given(told: DataVersion) -> str:
    """The data version of what somebody said."""
    return f"given:{told.version}"


def _as_data_version(value: object, key: AssetKey) -> DataVersion:
    match value:
        case DataVersion():
            return value
        case str():
            return DataVersion(value)
    raise ValueRefused(f'observer of "{key}": expected text or a DataVersion, found {type(value).__name__}')


def checked(seen: DataVersion, key: AssetKey) -> DataVersion:
    """What was said, as it may be recorded. Raises ValueRefused."""
    subject = f'"{key}"'
    if not seen.version:
        raise ValueRefused(f"data_version of {subject}: expected text that tells one content from another, found none")
    odd = sorted({character for character in seen.version if not character.isprintable()})
    if odd or seen.version != seen.version.strip():
        found = f"{', '.join(map(ascii, odd))} in it" if odd else "space around it"
        raise ValueRefused(
            f"data_version of {subject}: expected text in one line, which nothing surrounds, found {found}; "
            "two of the same content would be told apart"
        )
    return DataVersion(
        recordable_version(seen.version, subject=subject), recordable_metadata(seen.metadata, subject=subject)
    )
