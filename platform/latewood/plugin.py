"""What a plugin implements. Nothing has to be inherited: an object with these attributes is one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Codec(Protocol):
    """Stores the values of some classes; `Annotated[Forecast, ForecastCodec()]`, or found as an entry point.

    A value that does not come back as it was is refused when it is written. To tell, its attributes and what it
    encodes to a second time are compared, or `==` where its class defines that, or `content` where there is one.

    name      a word; it leads the artifact's extension and the data version
    version   of the format: one more whenever what `encode` writes changes
    """

    name: str
    version: int

    def handles(self, cls: type, /) -> bool:
        """Whether values of this class are stored by this codec."""

    def encode(self, value: Any, folder: Path, /) -> bytes | Path:
        """The value as bytes, or as a file or folder made in the empty `folder`. What it raises refuses the value."""

    def decode(self, path: Path, version: int, /) -> Any:
        """The value in a read-only file or folder, as `encode` of that format version wrote it."""


@runtime_checkable
class HasContent(Protocol):
    """A codec that says what counts; without, the data version is of the bytes that were encoded."""

    def content(self, value: Any, /) -> Any:
        """Plain data (numbers, text, bytes, lists, dicts) that is equal exactly for values that are."""


@runtime_checkable
class HasMetadata(Protocol):
    """A codec that has facts to record with each version."""

    def metadata(self, value: Any, /) -> Mapping[str, Any]:
        """What is worth knowing of the value."""
