"""Mappings that users write as functions: asked once for every partition when definitions load, recorded as ranges.

Planners never import user code, so what the function says must be data before anything is planned.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

from latewood.engine.code.inspection import Inspector
from latewood.errors import DefinitionError, UsageError
from latewood.model.grids import GridKey
from latewood.model.mappings import Listed
from latewood.model.ordinals import Ordinals
from latewood.model.partitions import describe, key_at, ordinal_of
from latewood.model.schemes import GridScheme, Scheme, dynamic_names, size_of, title

_PARTITIONS_MAX: Final = 100_000
"""Most partitions for which a function is asked: about a tenth of a second."""

_PIECES_MAX: Final = 10_000
"""Most stretches of partitions that read something else than their neighbours: they are part of the definition."""


def listed(function: Callable[[str], Any], up: Scheme | None, down: Scheme | None, inspector: Inspector) -> Listed:
    """What the function says of all partitions. Raises DefinitionError: says which key, what was found, the way out."""
    name = getattr(function, "__name__", type(function).__name__)
    if up is None or down is None:
        raise DefinitionError(f"by={name} needs partitions on both sides; without it all are read")
    size = size_of(down)
    if size is None or dynamic_names(up):
        grows = title(down) if size is None else title(up)
        raise DefinitionError(
            f"by={name} is asked once for every partition when definitions load, so they must be known: {grows} grows. "
            "Give windows of time an end, name keys with Static, or say it by offset= or dimensions="
        )
    if size > _PARTITIONS_MAX:
        raise DefinitionError(f"by={name}: expected at most {_PARTITIONS_MAX:,} partitions to ask for, found {size:,}")
    by_read: dict[Ordinals, list[int]] = {}
    for ordinal in range(size):
        if read := _read(function, name, up, down, ordinal):
            by_read.setdefault(read, []).append(ordinal)
    if not by_read:
        raise DefinitionError(f"by={name} would never read anything: it gives no key for any of {title(down)}")
    readers = {read: Ordinals.from_sorted(ordinals) for read, ordinals in by_read.items()}
    pieces = sum(len(ordinals.ranges) for ordinals in readers.values())
    if pieces > _PIECES_MAX:
        raise DefinitionError(
            f"by={name}: expected at most {_PIECES_MAX:,} stretches of partitions that read the same, "
            f"found {pieces:,}; say it by offset= or dimensions="
        )
    return Listed(
        function=name,
        code=inspector.code_version(function).version,
        reads=tuple((str(ordinals), describe(up, read)) for read, ordinals in readers.items()),
    )


def _read(function: Callable[[str], Any], name: str, up: Scheme, down: Scheme, ordinal: int) -> Ordinals:
    key = key_at(down, ordinal)
    try:
        said = function(GridKey(key) if isinstance(down, GridScheme) else key)
        keys = [said] if isinstance(said, str) else list(said) if isinstance(said, Iterable) else [said]
    except Exception as error:  # user code may raise anything
        raise DefinitionError(f'by={name} failed for "{key}": {type(error).__name__}: {error}') from error
    for bad in (part for part in keys if not isinstance(part, str)):
        raise DefinitionError(f'by={name} for "{key}": expected a key or a list of keys, found {bad!r}')
    try:
        return Ordinals.of(ordinal_of(up, part) for part in keys)
    except UsageError as error:
        raise DefinitionError(f'by={name} for "{key}": {error}') from None
