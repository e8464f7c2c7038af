"""Values at the edge of user code: checked against the annotation they are promised under.

Strict: a str is no int, a bool is no int, a datetime is no date. What is accepted beside the type itself: an
int where a float is expected (it becomes one), and subclasses of the scalars (they become plain).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Optional, Union, get_args, get_origin

from latewood.engine.values.annotations import codecs_in, is_class, type_spec
from latewood.engine.values.redaction import redacted
from latewood.errors import ValueRefused
from latewood.model.types import FOREIGN, TypeSpec, columns_fit, display
from latewood.plugin import Codec

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """An annotation, ready for its values.

    plain          JSON alone tells its values apart, without pydantic
    codecs         those that the annotation names
    objects        which objects may be in it: under Pickled, or with a codec of their own
    """

    annotation: Any
    spec: TypeSpec
    plain: bool
    codecs: tuple[Codec, ...]
    objects: frozenset[Literal["pickled", "coded"]]


def edge_of(annotation: Any) -> Edge:
    """The edge of an annotation, kept for the next time. Raises DefinitionError as `type_spec` does."""
    try:
        return _kept_edge(annotation)
    except TypeError:  # an annotation with something unhashable in it
        return _new_edge(annotation)


def document_edge(annotation: Any) -> Edge:
    """The edge of what can be a JSON document: of a union, the arms without tables, files and the like."""
    edge = edge_of(annotation)
    if edge.spec.kind != "union" or not any(arm.kind in FOREIGN for arm in edge.spec.args):
        return edge
    arms = zip(get_args(_bare(annotation)), edge.spec.args, strict=True)
    document = tuple(arm for arm, spec in arms if spec.kind not in FOREIGN)
    return edge_of(Union[document])  # noqa: UP007 - of a tuple there is no other spelling


def check_value(value: Any, annotation: Any, *, subject: str) -> Any:
    """The value, as its annotation promises it. Cost: about 1 µs for a scalar.

    `subject` names the place: `output of "flights/raw"`, `parameter depth of "model"`.
    Raises ValueRefused: the subject, what was expected, what was found and where in it.
    """
    edge = edge_of(annotation)
    try:
        return _checked(value, edge)
    except _Mismatch as mismatch:
        expected = display(edge.spec)
        place = f" at {mismatch.where}: " if mismatch.where else ": " if mismatch.reason else ""
        raise ValueRefused(
            f"{subject}: expected {expected}, found {_described(value)}{place}{mismatch.reason}"
        ) from None


def adapter_of(annotation: Any) -> "TypeAdapter[Any]":
    """The pydantic adapter of an annotation, kept for the next time; NaN and bytes survive its JSON."""
    try:
        return _kept_adapter(annotation)
    except TypeError:  # unhashable
        return _new_adapter(annotation)


class _Mismatch(Exception):
    """Where in a value, and what is wrong there; both may be empty for the value as a whole."""

    def __init__(self, where: str = "", reason: str = "") -> None:
        super().__init__()
        self.where = where
        self.reason = reason


def _new_edge(annotation: Any) -> Edge:
    spec = type_spec(annotation)
    arms = spec.args if spec.kind == "union" else (spec,)
    return Edge(
        annotation=annotation,
        spec=spec,
        plain=_is_plain(spec),
        codecs=codecs_in(annotation),
        objects=frozenset("coded" if arm.codec else "pickled" for arm in arms if arm.kind == "object"),
    )


_kept_edge = lru_cache(maxsize=4096)(_new_edge)


def _is_plain(spec: TypeSpec) -> bool:
    if spec.kind in ("none", "bool", "int", "float", "str"):
        return True
    if spec.kind == "dict":
        return len(spec.args) > 1 and spec.args[0].kind == "str" and _is_plain(spec.args[1])
    return spec.kind in ("list", "union") and bool(spec.args) and all(map(_is_plain, spec.args))


def _new_adapter(annotation: Any) -> "TypeAdapter[Any]":
    from pydantic import ConfigDict, TypeAdapter  # noqa: PLC0415 - start-up

    config = ConfigDict(ser_json_inf_nan="constants", ser_json_bytes="base64", val_json_bytes="base64")
    # a dataclass takes no configuration by itself, but inherits that of what it stands in
    return TypeAdapter(Optional[annotation], config=config)  # noqa: UP045 - annotation may be any form


_kept_adapter = lru_cache(maxsize=4096)(_new_adapter)


def _checked(value: Any, edge: Edge) -> Any:
    spec = edge.spec
    if edge.plain:
        return _plain(value, spec, "")
    if spec.kind in FOREIGN:
        _FOREIGN_CHECKS[spec.kind](value, edge)
    elif spec.kind == "union" and any(arm.kind in FOREIGN for arm in spec.args):
        return _foreign_arm(value, edge)
    elif spec.kind != "any":
        return _by_pydantic(value, edge)
    return value


def _plain(value: Any, spec: TypeSpec, where: str) -> Any:
    rule = _PLAIN_RULES.get(spec.kind)
    if rule is not None:
        return rule(value, spec, where)
    exact, plain = _SCALARS[spec.kind]
    cls = type(value)
    if cls is exact:
        return value
    if plain is not None and cls is not bool and (isinstance(value, exact) or (exact is float and cls is int)):
        return plain(value)
    raise _mismatch(value, spec, where)


def _mismatch(value: Any, spec: TypeSpec, where: str) -> _Mismatch:
    return _Mismatch(where, f"expected {display(spec)}, found {_described(value)}" if where else "")


_SCALARS: dict[str, tuple[type, Callable[[Any], Any] | None]] = {
    "none": (type(None), None),
    "bool": (bool, None),
    # the base's own conversion: str() of an Enum that is a str would give its name
    "int": (int, int.__int__),
    "float": (float, float),
    "str": (str, str.__str__),
}


def _plain_list(value: Any, spec: TypeSpec, where: str) -> Any:
    if not isinstance(value, list):
        raise _mismatch(value, spec, where)
    (item,) = spec.args
    exact = _SCALARS.get(item.kind)
    if exact and all(type(part) is exact[0] for part in value):
        return value
    return [_plain(part, item, f"{where}[{index}]") for index, part in enumerate(value)]


def _plain_dict(value: Any, spec: TypeSpec, where: str) -> Any:
    if not isinstance(value, dict):
        raise _mismatch(value, spec, where)
    key, item = spec.args
    return {_plain(name, key, f"{where}.key"): _plain(part, item, f"{where}[{name!r}]") for name, part in value.items()}


def _plain_arm(value: Any, spec: TypeSpec, where: str) -> Any:
    # an int stays one though float comes first: arms of the very type are tried before the others
    for arm in sorted(spec.args, key=lambda arm: arm.kind != type(value).__name__):
        try:
            return _plain(value, arm, where)
        except _Mismatch:
            continue
    raise _mismatch(value, spec, where)


_PLAIN_RULES: dict[str, Callable[[Any, TypeSpec, str], Any]] = {
    "list": _plain_list,
    "dict": _plain_dict,
    "union": _plain_arm,
}


def _foreign_arm(value: Any, edge: Edge) -> Any:
    """The value under the one arm of a union that takes it; a table has no adapter that could choose."""
    deepest = _Mismatch()
    for arm in get_args(_bare(edge.annotation)):
        try:
            return _checked(value, edge_of(arm))
        except _Mismatch as mismatch:
            deepest = mismatch if mismatch.reason else deepest
    raise deepest


def _by_pydantic(value: Any, edge: Edge) -> Any:
    from pydantic import ValidationError  # noqa: PLC0415 - start-up

    if value is None and not _takes_none(edge.spec):  # the adapter does, see there
        raise _Mismatch
    try:
        return adapter_of(edge.annotation).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise _Mismatch(".".join(map(str, first["loc"])), first["msg"]) from None


def _takes_none(spec: TypeSpec) -> bool:
    return spec.kind in ("none", "any") or any(map(_takes_none, spec.args if spec.kind in ("union", "literal") else ()))


def _check_table(value: Any, edge: Edge) -> None:
    if not is_class(type(value), "pyarrow", "Table"):
        raise _Mismatch
    expected = edge.spec.columns
    if expected is None:
        return
    from latewood.engine.values.arrow_types import columns_of  # noqa: PLC0415 - start-up

    reason = columns_fit(columns_of(value.schema, nullable=False), expected)
    if reason is None:
        counts = ((c.name, value.column(c.name).null_count) for c in expected if not c.nullable)
        reason = next((f"column {name}: expected no nulls, found {count}" for name, count in counts if count), None)
    if reason is not None:
        raise _Mismatch(reason=reason)


def _check_dataframe(value: Any, edge: Edge) -> None:
    if not is_class(type(value), edge.spec.name or "pandas", "DataFrame"):
        raise _Mismatch


def _check_ndarray(value: Any, edge: Edge) -> None:
    if not is_class(type(value), "numpy", "ndarray"):
        raise _Mismatch
    if edge.spec.name and edge.spec.name not in (value.dtype.name, value.dtype.type.__name__):
        raise _Mismatch(reason=f"expected dtype {edge.spec.name}, found {value.dtype.name}")


def _check_path(value: Any, _: Edge) -> None:
    if not isinstance(value, Path):
        raise _Mismatch


def _check_object(value: Any, edge: Edge) -> None:
    cls = _bare(edge.annotation)
    if isinstance(cls, type) and not isinstance(value, cls):
        raise _Mismatch


_FOREIGN_CHECKS: dict[str, Callable[[Any, Edge], None]] = {
    "table": _check_table,
    "dataframe": _check_dataframe,
    "ndarray": _check_ndarray,
    "path": _check_path,
    "object": _check_object,
}


def _bare(annotation: Any) -> Any:
    """The type inside `Annotated`; the class of a generic alias."""
    while get_origin(annotation) is Annotated:
        annotation = annotation.__origin__
    origin = get_origin(annotation)
    return origin if isinstance(origin, type) and origin is not UnionType else annotation


def _described(value: Any) -> str:
    """The type of a value, and the value itself where it is a short one."""
    if value is None:
        return "None"
    name = type(value).__qualname__
    if not isinstance(value, bool | int | float | str | Enum):
        return name
    text = redacted(repr(value))  # before it is cut
    return f"{name} {text}" if len(text) <= _SHOWN else f"{name} {text[:_SHOWN]}…"


_SHOWN = 60
