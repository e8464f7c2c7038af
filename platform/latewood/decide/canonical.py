"""Canonical bytes of plain values, and their digest: equal exactly when type and value are equal.

Every encoding starts with a tag of its type and is self-delimiting (fixed length, or a length or count up
front), so that no two different sequences of values run together. These are taken to be equal:

- a list and a tuple of equal items (JSON cannot tell them apart either); a set and a frozenset;
- dicts with the same items in another order; sets in any order;
- 0.0 and -0.0; all NaN; Decimals of equal value (1.0 and 1.00);
- aware datetimes (and times) of the same instant, whatever their zones; never an aware and a naive one;
- a subclass instance of a built-in type (numpy.float64, a named tuple) and the plain value.

Different are True, 1 and 1.0; a str, a Path and an Enum member of equal text; dataclass and pydantic
instances of different classes (module and qualified name). All fields of those count, also such as are
excluded from comparison: what cannot be seen by `==` may still change a result.
"""

import struct
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from hashlib import sha256
from math import isnan, nan
from pathlib import PurePath
from typing import Any
from uuid import UUID

from latewood.errors import LatewoodError


class NotCanonical(LatewoodError):
    """A value has no canonical encoding; names its type."""


def canonical(value: Any) -> bytes:
    """The canonical encoding of a value. Cost: O(size). Raises NotCanonical for a type it does not know."""
    try:
        return _item(value)
    except RecursionError:
        raise NotCanonical(_CYCLE) from None


def digest(value: Any) -> str:
    """SHA-256 of the canonical encoding, 64 hexadecimal digits. Raises NotCanonical."""
    return sha256(canonical(value)).hexdigest()


def are_equal(one: Any, other: Any) -> bool:
    """Whether two values are one to whoever computes with them: `==` takes 1, 1.0 and True for the same."""
    return one is other or canonical(one) == canonical(other)


_CYCLE = "a value that contains itself, or is nested too deeply, has no canonical encoding"
_DOUBLE = struct.Struct(">d")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive times are counted from a naive origin
_EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


def _none(_: None) -> bytes:
    return b"n"


def _bool(value: bool) -> bytes:  # noqa: FBT001 - the value itself, not a switch
    return b"t" if value else b"f"


def _int(value: int) -> bytes:
    body = value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    return b"i%d:%b" % (len(body), body)


def _float(value: float) -> bytes:
    # adding 0.0 turns -0.0 into 0.0 and leaves every other number alone
    return b"d" + _DOUBLE.pack(nan if isnan(value) else value + 0.0)


def _str(value: str) -> bytes:
    body = value.encode("utf-8", "surrogatepass")
    return b"s%d:%b" % (len(body), body)


def _bytes(value: bytes) -> bytes:
    return b"b%d:%b" % (len(value), value)


def _datetime(value: datetime) -> bytes:
    # subtraction, not astimezone: the latter overflows at both ends of the calendar
    if value.utcoffset() is None:
        return b"N" + _ticks(value.replace(tzinfo=None) - _EPOCH)
    return b"A" + _ticks(value - _EPOCH_UTC)


def _date(value: date) -> bytes:
    return b"y%d:" % value.toordinal()


def _time(value: time) -> bytes:
    ticks = timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    offset = value.utcoffset()
    return b"h" + _ticks(ticks) if offset is None else b"H" + _ticks(ticks - offset)


def _timedelta(value: timedelta) -> bytes:
    return b"D" + _ticks(value)


def _ticks(span: timedelta) -> bytes:
    return b"%d:" % ((span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds)


def _decimal(value: Decimal) -> bytes:
    if not value.is_finite():
        kind = "sNaN" if value.is_snan() else "NaN" if value.is_nan() else str(value)
        return b"e" + _str(kind)
    if not value:
        return b"e" + _str("0")
    # by hand: Decimal.normalize rounds to the context's precision
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    assert isinstance(exponent, int)
    return b"e" + _str(f"{'-' if sign else ''}{kept}E{exponent + len(text) - len(kept)}")


def _uuid(value: UUID) -> bytes:
    return b"u" + value.bytes


def _sequence(value: list[Any] | tuple[Any, ...]) -> bytes:
    return b"l%d:%b" % (len(value), b"".join(map(_item, value)))


def _set(value: set[Any] | frozenset[Any]) -> bytes:
    return b"S%d:%b" % (len(value), b"".join(sorted(map(_item, value))))


def _dict(value: dict[Any, Any]) -> bytes:
    items = sorted([(_item(key), _item(part)) for key, part in value.items()])
    return b"m%d:%b" % (len(items), b"".join([key + part for key, part in items]))


def _path(value: PurePath) -> bytes:
    return b"p" + _str(value.as_posix())


def _enum(value: Enum) -> bytes:
    # a combination of flags has no name of its own
    return b"E" + _class(type(value)) + (_item(value.value) if isinstance(value, Flag) else _str(value.name))


def _record(value: Any, parts: dict[str, Any]) -> bytes:
    return b"R" + _class(type(value)) + _dict(parts)


def _class(cls: type) -> bytes:
    return _str(f"{cls.__module__}:{cls.__qualname__}")


def _item(value: Any) -> bytes:
    encode = _ENCODERS.get(type(value))
    return encode(value) if encode is not None else _other(value)


def _other(value: Any) -> bytes:
    """Values that are no exact built-ins: enums, records, subclasses."""
    if isinstance(value, Enum):
        return _enum(value)
    cls = type(value)
    if is_dataclass(cls):
        return _record(value, {field.name: getattr(value, field.name) for field in fields(cls)})
    if hasattr(cls, "__pydantic_fields__") and hasattr(cls, "model_fields"):
        parts = {name: value.__dict__[name] for name in cls.__pydantic_fields__}
        return _record(value, parts | (getattr(value, "__pydantic_extra__", None) or {}))
    for base, encode in _BASES:
        if isinstance(value, base):
            return encode(value)
    raise NotCanonical(
        f"a value of type {cls.__module__}.{cls.__qualname__} has no canonical encoding; "
        "use plain values, dataclasses or pydantic models"
    )


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    type(None): _none,
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    list: _sequence,
    tuple: _sequence,
    dict: _dict,
    set: _set,
    frozenset: _set,
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
    Decimal: _decimal,
    UUID: _uuid,
}
_BASES: tuple[tuple[type, Callable[[Any], bytes]], ...] = (
    (PurePath, _path),
    (datetime, _datetime),  # before date, its base
    *((base, encode) for base, encode in _ENCODERS.items() if base not in (type(None), bool, datetime)),
)
