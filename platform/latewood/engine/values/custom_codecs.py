"""Codecs that are not Latewood's own, held to their word: what would not come back is refused when it is written."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from latewood.decide.canonical import NotCanonical, canonical, digest
from latewood.engine.storage.file_hash import path_version
from latewood.engine.values.encoded import Encoded, Stored, suffix_of
from latewood.engine.values.recordable import recordable_metadata
from latewood.engine.values.redaction import redacted
from latewood.errors import ValueRefused
from latewood.plugin import Codec, HasContent, HasMetadata

T = TypeVar("T")
_SHOWN: Final = 60


def encode_by(codec: Codec, value: Any) -> Encoded:
    """The artifact of a value, after it was read back and compared. Cost: encodes twice and decodes once.

    Raises ValueRefused: the codec, the value's class, and what failed or differed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="latewood-")))
        path = _written(codec, value, folder / "first")
        again = _called(codec, type(value), codec.decode, path, codec.version)
        if difference := _difference(codec, value, again, path, folder / "second"):
            raise _refused(codec, type(value), f"it does not come back as it was: {difference}")
        metadata = _called(codec, type(value), codec.metadata, value) if isinstance(codec, HasMetadata) else {}
        return Encoded(
            content=path,
            extension=f"{codec.name}.{codec.version}{suffix_of(path)}",
            version=f"{codec.name}-{codec.version}:{_digest(codec, value, path)}",
            metadata=recordable_metadata(metadata, subject=_shown(codec)),
            scratch=stack.pop_all(),
        )


def decode_by(codec: Codec, stored: Stored) -> Any:
    """The value of an artifact. Raises ValueRefused: the codec and what it raised."""
    version = int(stored.extension.split(".")[1])
    path = stored.path()
    try:
        return codec.decode(path, version)
    except Exception as error:  # as below
        raise ValueRefused(
            f"{_shown(codec)} cannot read what its version {version} wrote: {type(error).__name__}: {error}"
        ) from error


def _written(codec: Codec, value: Any, folder: Path) -> Path:
    folder.mkdir()
    content: Any = _called(codec, type(value), codec.encode, value, folder)
    if isinstance(content, bytes | bytearray | memoryview):
        path = folder / "content"
        path.write_bytes(content)
        return path
    if not isinstance(content, Path) or not content.exists():
        found = _short(content)
        raise _refused(codec, type(value), f"encode: expected bytes or the path of a file that is there, found {found}")
    return content


def _called(codec: Codec, cls: type, method: Callable[..., T], *arguments: Any) -> T:
    try:
        return method(*arguments)
    except Exception as error:  # a codec is somebody else's code: anything may be raised
        raise _refused(codec, cls, f"{method.__name__}: {type(error).__name__}: {error}") from error


def _difference(codec: Codec, value: Any, again: Any, path: Path, folder: Path) -> str:
    """What differs between a value and what was read back, empty if nothing does."""
    if type(again) is not type(value):
        return f"it became a {type(again).__qualname__}"
    if isinstance(codec, HasContent):
        one, other = (_content(codec, item) for item in (value, again))
        return "" if canonical(one) == canonical(other) else f"content: {_first_difference(one, other)}"
    if any("__eq__" in base.__dict__ for base in type(value).__mro__[:-1]):
        return "" if _equal(value, again) else "the two are not equal (==)"
    found, read = getattr(value, "__dict__", {}), getattr(again, "__dict__", {})
    for name in (*found, *(name for name in read if name not in found)):
        if not _alike(found.get(name), read.get(name)) or (name in found) != (name in read):
            return f"attribute {name}: {_first_difference(found.get(name), read.get(name))}"
    if _path_digest(_written(codec, again, folder)) != _path_digest(path):
        return "encoded a second time it is something else; give the codec a method content"
    return ""


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - what cannot be compared is not known to be equal
        return False


def _alike(one: Any, other: Any) -> bool:
    """Whether two attributes are equal, or cannot be compared as plain data."""
    try:
        return canonical(one) == canonical(other)
    except NotCanonical:
        return type(one) is type(other)


def _first_difference(one: Any, other: Any) -> str:
    """Where two pieces of plain data first differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping) and one.keys() == other.keys():
        for name in one:
            if not _alike(one[name], other[name]):
                return f"{name}: {_first_difference(one[name], other[name])}"
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        for index, (part, counterpart) in enumerate(zip(one, other, strict=True)):
            if not _alike(part, counterpart):
                return f"[{index}]: {_first_difference(part, counterpart)}"
    return f"{_short(one)} became {_short(other)}"


def _short(value: Any) -> str:
    text = redacted(repr(value))  # before it is cut
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _digest(codec: Codec, value: Any, path: Path) -> str:
    return digest(_content(codec, value)) if isinstance(codec, HasContent) else _path_digest(path)


def _content(codec: HasContent, value: Any) -> Any:
    assert isinstance(codec, Codec), "asked of codecs only"
    content = _called(codec, type(value), codec.content, value)
    try:
        canonical(content)
    except NotCanonical as error:
        raise _refused(codec, type(value), f"content: {error}") from None
    return content


def _path_digest(path: Path) -> str:
    return path_version(path).partition(":")[2]


def _refused(codec: Codec, cls: type, problem: str) -> ValueRefused:
    name = cls.__qualname__
    return ValueRefused(f"{_shown(codec)} cannot store this {name}: {problem}. Pickled[{name}] would pickle it")


def _shown(codec: Codec) -> str:
    return f'codec "{codec.name}" {codec.version}'
