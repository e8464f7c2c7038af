"""Codecs that installed packages announce as entry points of the group `latewood.codecs`.

An entry point's name is the import package whose classes it stores, and the codec's own name: so the one that is
needed is known, for a class as for an artifact, before any is imported.
"""

import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from latewood.errors import ValueRefused
from latewood.plugin import Codec

GROUP: Final = "latewood.codecs"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_BUILT_IN: Final = frozenset({"json", "bin", "parquet", "pandas", "polars", "npy", "file", "dir", "pickle"})


def codec_for(cls: type) -> Codec | None:
    """The installed codec that stores a class; the most derived of its bases decides. Raises ValueRefused."""
    for base in cls.__mro__[:-1]:
        package = base.__module__.partition(".")[0]
        if package in _announced():
            codec = codec_named(package)
            if codec is not None and codec.handles(cls):
                return codec
    return None


@cache
def codec_named(name: str) -> Codec | None:
    """The installed codec of that name. Raises ValueRefused for two of one name, and for one that is no codec."""
    points = _announced().get(name, ())
    if not points:
        return None
    if len(points) > 1:
        owners = " and ".join(sorted(_distribution(point) for point in points))
        raise ValueRefused(f'codec "{name}" is announced by {owners}: uninstall all but one')
    (point,) = points
    try:
        codec = point.load()
    except Exception as error:  # a plugin's module is somebody else's code: anything may be raised
        way_out = f"; install {error.name}" if isinstance(error, ModuleNotFoundError) else ""
        raise ValueRefused(
            f'codec "{name}" of {_distribution(point)} cannot be loaded: {type(error).__name__}: {error}{way_out}'
        ) from error
    return usable(codec, f"{point.value} of {_distribution(point)}", name)


def usable(codec: object, place: str, name: str = "") -> Codec:
    """The object, if it is a codec, of that name where one is given. Raises ValueRefused, which names the place."""
    if isinstance(codec, type) or not isinstance(codec, Codec):
        raise ValueRefused(f"{place}: expected a codec, an object with {_EXPECTED}, found {codec!r}")
    if not _NAME.fullmatch(codec.name) or codec.name in _BUILT_IN:
        raise ValueRefused(
            f"{place}: expected a name of small letters, digits and _ other than {', '.join(sorted(_BUILT_IN))}, "
            f'found "{codec.name}"'
        )
    if name not in ("", codec.name):
        raise ValueRefused(f'{place}: expected the entry point\'s name, "{name}", found "{codec.name}"')
    if type(codec.version) is not int or codec.version < 1:
        raise ValueRefused(f"{place}: expected a version from 1 on, found {codec.version!r}")
    return codec


_EXPECTED: Final = "name, version, handles, encode and decode"


@cache
def _announced() -> dict[str, tuple[EntryPoint, ...]]:
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=GROUP):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value
