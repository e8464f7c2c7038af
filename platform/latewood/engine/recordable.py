"""What users give to be recorded, made fit for an event: plain JSON of bounded size, or refused by name."""

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

import msgspec

from latewood.errors import ValueRefused

METADATA_BYTES_MAX: Final = 8_192
"""Most bytes of metadata with one version or verdict: facts are small, contents belong in assets."""

TEXT_MAX: Final = 2_000
"""Most bytes of a message; what is longer is cut."""

_DEPTH_MAX: Final = 8


def recordable_metadata(metadata: Mapping[str, Any], *, subject: str) -> dict[str, Any]:
    """The metadata as JSON values. Raises ValueRefused naming the entry, or the size.

    Numbers of other libraries become plain ones, times and paths become text; NaN and infinities become their names,
    since JSON has none.
    """
    plain = {text(str(name)): _plain(value, f"metadata {name!r} of {subject}", 0) for name, value in metadata.items()}
    size = len(msgspec.json.encode(plain))
    if size > METADATA_BYTES_MAX:
        raise ValueRefused(
            f"metadata of {subject}: expected at most {METADATA_BYTES_MAX:,} bytes, found {size:,}; "
            "what is larger belongs in an asset"
        )
    return plain


def text(value: str, limit: int = TEXT_MAX) -> str:
    """The text as UTF-8 and JSON can hold it (lone surrogates and control characters escaped), cut to `limit` bytes."""
    sound = "".join(
        character if character >= " " or character in "\n\t" else f"\\x{ord(character):02x}"
        for character in value[:limit]
    ).encode("utf-8", "backslashreplace")
    if len(sound) <= limit and len(value) <= limit:
        return sound.decode()
    return sound[: limit - 3].decode("utf-8", "ignore") + "…"


def _plain(value: Any, place: str, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        raise ValueRefused(f"{place}: expected at most {_DEPTH_MAX} levels, found more")
    match value:
        case None | bool() | int():
            return value if value is None or isinstance(value, bool) or abs(value) < 2**63 else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case Enum():
            return _plain(value.value, place, depth + 1)
        case str():
            return text(value, METADATA_BYTES_MAX)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case PurePath():
            return str(value)
        case Mapping():
            return {text(str(name)): _plain(part, f"{place}[{name!r}]", depth + 1) for name, part in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(part, f"{place}[{index}]", depth + 1) for index, part in enumerate(value)]
        case _ if hasattr(value, "item"):  # a number of numpy, pandas or pyarrow
            return _plain(value.item(), place, depth + 1)
        case _ if hasattr(value, "as_py"):
            return _plain(value.as_py(), place, depth + 1)
        case _:
            found = type(value).__name__
            raise ValueRefused(f"{place}: expected numbers, text, times, lists or dicts, found {found}")
