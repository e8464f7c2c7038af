"""What every codec has to keep, as one call for the tests of who writes one."""

from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values.codec_registry import usable
from latewood.engine.values.values import StagedOutput, Values
from latewood.errors import ValueRefused
from latewood.plugin import Codec


class _Stranger:
    """A class that no codec stores."""


def check_codec(codec: Codec, values: Iterable[Any]) -> None:
    """Hold a codec to its word on these values, of which no two are equal.

    Each is handled, comes back as it was out of a store, outlives its artifact, and has one data version however often
    it is encoded; no two have the same. A class that is not the codec's is left alone.
    Raises AssertionError with the rule that is broken, the value and the finding.
    """
    found = list(values)
    assert found, "check_codec: expected values to store, found none"
    try:
        usable(codec, "check_codec")
        assert not codec.handles(_Stranger), f'codec "{codec.name}" handles a class that it cannot know'
        versions = [_kept(codec, value) for value in found]
    except ValueRefused as error:
        raise AssertionError(str(error)) from error
    for (one, version), (other, same) in combinations(zip(found, versions, strict=True), 2):
        assert version != same, f'codec "{codec.name}": {one!r} and {other!r} have one data version, {version}'


def _kept(codec: Codec, value: Any) -> str:
    """The value's data version, after it was written, read, and written again without its artifact."""
    assert codec.handles(type(value)), f'codec "{codec.name}" does not handle {type(value).__name__}'
    annotation = Annotated[type(value), codec]  # type: ignore[valid-type] # made at run time
    with TemporaryDirectory(prefix="latewood-") as folder:
        first, again = _written(value, annotation, Path(folder, "first"))
        assert _written(value, annotation, Path(folder, "second"))[0].data_version == first.data_version, (
            f'codec "{codec.name}": {value!r} has another data version when it is encoded once more'
        )
    with TemporaryDirectory(prefix="latewood-") as folder:
        try:
            version = _written(again, annotation, Path(folder))[0].data_version
        except ValueRefused as error:
            message = f'codec "{codec.name}": what was read of {value!r} needs its artifact, which is gone: {error}'
            raise AssertionError(message) from error
    assert version == first.data_version, f'codec "{codec.name}": what was read of {value!r} has another data version'
    return first.data_version


def _written(value: Any, annotation: Any, folder: Path) -> tuple[StagedOutput, Any]:
    store = ArtifactStore(folder, "test")
    stores = Values(store)
    staged = stores.stage(value, annotation, subject="check_codec")
    store.commit([staged.staged])
    return staged, stores.load_artifact(staged.staged.address, annotation)
