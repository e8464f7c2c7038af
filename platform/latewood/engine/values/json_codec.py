"""Plain values and records as JSON documents, written and read by their annotation."""

import json
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
        except (PydanticSerializationError, ValidationError) as error:
            raise _unsafe(value, _first_problem(error)) from None
        if not _equal(again, value):
            raise _unsafe(value, "it does not come back from JSON as it was")
        return content


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


def _unsafe(value: Any, why: str) -> ValueRefused:
    return ValueRefused(
        f"{type(value).__qualname__} cannot be stored as JSON: {why}. Annotate it with its exact type; in a "
        "pydantic model set ser_json_inf_nan='constants' and ser_json_bytes=val_json_bytes='base64'"
    )


def _value_version(value: Any, annotation: Any) -> str:
    try:
        return f"json1:{digest(value)}"
    except NotCanonical:  # types of pydantic's own, such as URLs
        return f"json1:{digest(in_one_order(adapter_of(annotation).dump_python(value, mode='json'), value))}"


JSON = _Json()
"""The codec of plain values and records."""
