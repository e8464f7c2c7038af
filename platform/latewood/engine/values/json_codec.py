"""Plain values and records as JSON documents, written and read by their annotation."""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from latewood.decide.canonical import NotCanonical, canonical, digest
from latewood.engine.values.edge import adapter_of, document_edge
from latewood.engine.values.encoded import Encoded, Stored
from latewood.engine.values.set_order import in_one_order
from latewood.errors import ValueRefused
from latewood.model.types import TypeSpec, display


class _Json:
    """Plain values and records. The last of all codecs: takes what no other does, or refuses it."""

    name = "json"

    def handles(self, _: type) -> bool:
        return True

    def encode(self, value: Any, annotation: Any) -> Encoded:
        edge = document_edge(annotation)
        content = _dumps(value) if edge.plain else self._dumped(value, edge.annotation, edge.spec)
        return Encoded(content=content, extension=self.name, version=_value_version(value, edge.annotation))

    def decode(self, stored: Stored, annotation: Any) -> Any:
        edge = document_edge(annotation)
        content = stored.read()
        if edge.plain or edge.spec.kind == "any":
            return json.loads(content)
        from pydantic import ValidationError  # noqa: PLC0415 - start-up

        try:
            return adapter_of(edge.annotation).validate_json(content)
        except ValidationError as error:
            raise ValueRefused(f"the stored value is no {display(edge.spec)}: {_first_problem(error)}") from None

    def _dumped(self, value: Any, annotation: Any, spec: TypeSpec) -> bytes:
        """JSON that was read back and compared: pydantic writes some values as something else.

        Examples: NaN in a model becomes null, a datetime under `datetime | str` comes back as a str.
        """
        from pydantic import ValidationError  # noqa: PLC0415 - start-up
        from pydantic_core import PydanticSerializationError  # noqa: PLC0415 - start-up

        adapter = adapter_of(annotation)
        try:
            content = adapter.dump_json(value, warnings=False)
            if _holds_sets(spec):
                content = _dumps(in_one_order(json.loads(content), value))
            again = adapter.validate_json(content)
        except PydanticSerializationError as error:
            raise _unsafe(value, _first_problem(error), _unwritable(value)) from None
        except ValidationError as error:
            raise _unsafe(value, _first_problem(error)) from None
        if not _equal(again, value):
            raise _unsafe(value, "it does not come back from JSON as it was", _changed(value, again))
        return content


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value, each with how to reach it."""
    match value:
        case dict():
            yield from ((f"[{json.dumps(key, default=str)}]", part) for key, part in value.items())
        case list() | tuple():
            yield from ((f"[{number}]", part) for number, part in enumerate(value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            yield from ((f".{field.name}", getattr(value, field.name)) for field in fields(value))


def _unwritable(value: Any) -> str:
    """How to reach the first part that JSON cannot be written of; empty for the value itself."""
    from pydantic_core import PydanticSerializationError, to_json  # noqa: PLC0415 - start-up

    for step, part in _parts(value):
        try:
            to_json(part)
        except PydanticSerializationError:
            return step + _unwritable(part)
    return ""


def _changed(value: Any, again: Any) -> str:
    """How to reach the first part that comes back as something else; empty for the value itself."""
    came_back = dict(_parts(again))
    for step, part in _parts(value):
        if step in came_back and not _equal(came_back[step], part):
            return step + _changed(part, came_back[step])
    return ""


def _has_model(value: Any) -> bool:
    from pydantic import BaseModel  # noqa: PLC0415 - start-up

    return isinstance(value, BaseModel) or any(_has_model(part) for _, part in _parts(value))


def _holds_sets(spec: TypeSpec) -> bool:
    parts = (*spec.args, *(field.type for field in spec.fields))
    return spec.kind in ("set", "frozenset") or any(map(_holds_sets, parts))


def _dumps(value: Any) -> bytes:
    try:
        return _COMPACT.encode(value).encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can only escape it
        return json.dumps(value, separators=(",", ":")).encode()


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def _equal(one: Any, other: Any) -> bool:
    # not == alone: NaN differs from itself, and 1 equals True
    try:
        return canonical(one) == canonical(other)
    except NotCanonical:
        return bool(one == other)


def _first_problem(error: Exception) -> str:
    """What pydantic found first: its errors are many lines long."""
    details = getattr(error, "errors", None)
    if details is None:
        return str(error)
    first = details(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'value'}: {first['msg']}"


def _unsafe(value: Any, why: str, where: str = "") -> ValueRefused:
    """`where` is how to reach the part that is the matter."""
    of_model = (
        "; in a pydantic model set ser_json_inf_nan='constants' and ser_json_bytes=val_json_bytes='base64'"
        if _has_model(value)
        else ""
    )
    problem = f"{where}: {why}" if where else why
    return ValueRefused(
        f"{type(value).__qualname__} cannot be stored as JSON: {problem}. Annotate it with its exact type{of_model}"
    )


def _value_version(value: Any, annotation: Any) -> str:
    try:
        return f"json1:{digest(value)}"
    except NotCanonical:  # types of pydantic's own, such as URLs
        return f"json1:{digest(in_one_order(adapter_of(annotation).dump_python(value, mode='json'), value))}"


JSON = _Json()
"""The codec of plain values and records."""
