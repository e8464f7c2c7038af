"""What users give to be recorded, made fit for an event: plain JSON of bounded size, or refused by name."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

import msgspec

from latewood.engine.values.redaction import redacted, redacted_json
from latewood.errors import ValueRefused
from latewood_eventlog.records import EVENT_BYTES_MAX

METADATA_BYTES_MAX: Final = 8_192
"""Most bytes of metadata with one version or verdict: facts are small, contents belong in assets."""

OUTPUTS_BYTES_MAX: Final = EVENT_BYTES_MAX - 8_192
"""Most bytes of what is recorded of all outputs of a step: one event holds them, and who made them, how and when."""

VERSION_MAX: Final = 256
"""Most bytes of a data version that a task gives: it names content, and stands in every event that speaks of it."""

TEXT_MAX: Final = 2_000
"""Most bytes of a message; what is longer is cut."""

_DEPTH_MAX: Final = 8
_OUTPUT_BYTES: Final = 256  # of an output in its step's event, beside its metadata, columns and given version


def recordable_metadata(metadata: Mapping[str, Any], *, subject: str) -> dict[str, Any]:
    """The metadata as JSON values. Raises ValueRefused naming the entry, or the size.

    Numbers of other libraries become plain ones, times and paths become text; NaN and infinities become their names,
    since JSON has none.
    """
    if not isinstance(metadata, Mapping):
        raise ValueRefused(f"metadata of {subject}: expected a dict, found {type(metadata).__name__}")
    plain = {}
    for name, value in metadata.items():
        place = f"metadata {name!r} of {subject}"
        try:
            plain[text(str(name))] = _plain(value, place, 0)
        except ValueRefused:
            raise
        except Exception as error:  # a user's object that fails when it is looked at
            raise ValueRefused(f"{place}: {failed_with(error)}") from error
    plain = {redacted(name): redacted_json(value) for name, value in plain.items()}
    size = len(msgspec.json.encode(plain))
    if size > METADATA_BYTES_MAX:
        raise ValueRefused(
            f"metadata of {subject}: expected at most {METADATA_BYTES_MAX:,} bytes, found {size:,}; "
            "what is larger belongs in an asset"
        )
    return plain


def recordable_version(given: object, *, subject: str) -> str:
    """The data version that a task gave, as text. Raises ValueRefused for one that cannot be recorded as it is."""
    version = str(given)
    if text(version, VERSION_MAX) != version:
        found = redacted(repr(given))[:80]
        raise ValueRefused(f"data_version of {subject}: expected at most {VERSION_MAX} bytes of text, found {found}")
    return version


def require_room(outputs: Sequence[object], *, subject: str) -> None:
    """Raise ValueRefused if what is recorded of these outputs of a step does not fit into its event together."""
    size = len(msgspec.json.encode(outputs)) + _OUTPUT_BYTES * len(outputs)
    if size > OUTPUTS_BYTES_MAX:
        raise ValueRefused(
            f"metadata of {subject}: expected at most {OUTPUTS_BYTES_MAX:,} bytes for its {len(outputs)} outputs, "
            f"found {size:,}; what is larger belongs in an asset"
        )


def failed_with(error: BaseException) -> str:
    """What a value's own code raised, as one text."""
    return text(f"{type(error).__name__}: {message_of(error)}")


def message_of(error: BaseException) -> str:
    """What an error says, however its author made it."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - an exception's own __str__ is user code too
        return f"(its message cannot be shown: {type(second).__name__})"


def text(value: str, limit: int = TEXT_MAX) -> str:
    """The text as UTF-8 and JSON can hold it (lone surrogates and control characters escaped), cut to `limit` bytes.

    Secrets are replaced before: of what is cut, a part would not be recognized.
    """
    value = str.__str__(redacted(value))  # those of other libraries are of types of their own
    if len(value) <= limit and value.isascii() and value.isprintable():
        return value  # nearly all are
    sound = "".join(
        character if character >= " " or character in "\n\t" else f"\\x{ord(character):02x}"
        for character in value[:limit]
    ).encode("utf-8", "backslashreplace")
    if len(sound) <= limit and len(value) <= limit:
        return sound.decode()
    return sound[: limit - 3].decode("utf-8", "ignore") + "…"


def _whole(value: str, place: str) -> str:
    """The text, of which nothing is cut. Raises ValueRefused if that is too much."""
    size = len(value.encode("utf-8", "backslashreplace"))
    if size > METADATA_BYTES_MAX:
        raise ValueRefused(
            f"{place}: expected at most {METADATA_BYTES_MAX:,} bytes, found {size:,}; "
            "what is larger belongs in an asset"
        )
    return text(value, 4 * METADATA_BYTES_MAX)  # so long it is at most, with all that has to be escaped


def _plain(value: Any, place: str, depth: int) -> Any:
    if depth > _DEPTH_MAX:
        raise ValueRefused(f"{place}: expected at most {_DEPTH_MAX} levels, found more")
    match value:
        case None | bool():
            return value
        case Enum():
            return _plain(value.value, place, depth + 1)
        case int():  # or a kind of it: JSON knows the plain one only
            return int(value) if abs(value) < 2**63 else str(int(value))
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case str():
            return _whole(value, place)
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case PurePath():
            return _whole(str(value), place)
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
