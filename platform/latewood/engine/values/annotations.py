"""From a live annotation to its description: `type_spec(list[int])` is what the log keeps of it.

Classes of pyarrow, pandas, numpy and pydantic are recognised by name or shape, so that a file that uses none
of them does not pay for their import.
"""

import collections.abc
import inspect
import sys
import types
import typing
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from latewood.engine.values.codec_registry import codec_for, usable
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.tables import TableSchema
from latewood.model.types import ANY, FOREIGN, Field, Kind, PickleMarker, TypeSpec, display
from latewood.plugin import Codec

RECORDED: Final = "__latewood_type__"
"""Attribute of a NewType that stands for a type of which only the description is known: that description."""


def type_spec(annotation: Any) -> TypeSpec:
    """The description of an annotation; no annotation at all is `Any`. May import an installed codec.

    Raises DefinitionError for a type that cannot be stored, naming it and the way out.
    """
    return _Reader(annotation).spec(annotation)


def codecs_in(annotation: Any) -> tuple[Codec, ...]:
    """The codecs that an annotation names with Annotated, for itself or for arms of a union."""
    annotation = _unaliased(annotation)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        named = tuple(mark for mark in annotation.__metadata__ if _is_codec(mark))
        return (*named, *codecs_in(annotation.__origin__))
    if origin in (typing.Union, types.UnionType):
        return tuple(codec for arg in args for codec in codecs_in(arg))
    return ()


def _unaliased(annotation: Any) -> Any:
    """What stands behind `type X = …` and `X[…]` of it, from Python 3.12 on; NDArray of newer numpy is one."""
    alias = typing.get_origin(annotation) or annotation
    if type(alias).__name__ != "TypeAliasType":
        return annotation
    given = dict(zip(alias.__type_params__, typing.get_args(annotation), strict=False))
    value, free = alias.__value__, getattr(alias.__value__, "__parameters__", ())
    return _unaliased(value[tuple(given.get(parameter, parameter) for parameter in free)] if given and free else value)


def _is_codec(mark: Any) -> bool:
    return not isinstance(mark, type) and isinstance(mark, Codec)


_SCALARS: dict[Any, Kind] = {
    None: "none",
    type(None): "none",
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "timedelta",
    Decimal: "decimal",
    UUID: "uuid",
}
_CONTAINERS: dict[Any, Kind] = {
    list: "list",
    set: "set",
    frozenset: "frozenset",
    dict: "dict",
    collections.abc.Sequence: "sequence",
    collections.abc.Mapping: "dict",
}
_OPEN = (Any, object, inspect.Parameter.empty)


class _Reader:
    """One reading of one annotation: knows the whole for its errors, and the records it is inside of."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole
        self.inside: list[type] = []

    def spec(self, annotation: Any) -> TypeSpec:
        if any(annotation is anything for anything in _OPEN):
            return ANY
        if isinstance(annotation, str | typing.ForwardRef):
            raise self.refused(annotation, "the name could not be resolved; import it outside TYPE_CHECKING")
        if isinstance(annotation, typing.NewType):
            recorded = getattr(annotation, RECORDED, None)
            return recorded if isinstance(recorded, TypeSpec) else self.spec(annotation.__supertype__)
        annotation = _unaliased(annotation)
        origin = typing.get_origin(annotation)
        if origin is not None:
            return self.generic(annotation, origin, typing.get_args(annotation))
        if annotation in _SCALARS:
            return TypeSpec(kind=_SCALARS[annotation])
        if annotation in _CONTAINERS:
            return TypeSpec(kind=_CONTAINERS[annotation])
        if annotation is tuple:
            return TypeSpec(kind="vartuple", args=(ANY,))
        if isinstance(annotation, type):
            return self.of_class(annotation)
        raise self.refused(annotation, "it is no type")

    def generic(self, annotation: Any, origin: Any, args: tuple[Any, ...]) -> TypeSpec:
        if origin is typing.Annotated:
            return self.annotated(annotation, args[0])
        if origin is typing.Literal:
            if any(isinstance(value, Enum) for value in args):
                raise self.refused(annotation, "members of an Enum do not come back from JSON; use the Enum itself")
            kinds = {type(value): self.spec(type(value)) for value in args}
            values = tuple(repr(value) for value in args)
            return TypeSpec(kind="literal", values=values, args=tuple(kinds.values()))
        if origin in (typing.Union, types.UnionType):
            return TypeSpec(kind="union", args=tuple(self.spec(arg) for arg in args))
        if origin in _CONTAINERS:
            spec = TypeSpec(kind=_CONTAINERS[origin], args=tuple(self.part(arg) for arg in args))
            if spec.kind == "dict" and spec.args[0].kind in _NO_KEYS:
                raise self.refused(annotation, f"JSON has no {display(spec.args[0])} as keys; use a list of pairs")
            return spec
        if origin is tuple:
            if len(args) == 2 and args[1] is ...:  # noqa: PLR2004 - tuple[X, ...]
                return TypeSpec(kind="vartuple", args=(self.part(args[0]),))
            return TypeSpec(kind="tuple", args=tuple(self.part(arg) for arg in args))
        if is_class(origin, "numpy", "ndarray"):
            dtypes = typing.get_args(args[1]) if len(args) > 1 else ()
            dtype = dtypes[0] if dtypes and isinstance(dtypes[0], type) else None  # or a variable: any
            return TypeSpec(kind="ndarray", name=dtype.__name__ if dtype else "")
        if isinstance(origin, type):
            return self.of_class(annotation)
        raise self.refused(annotation, "this form is not known")

    def annotated(self, annotation: Any, inner: Any) -> TypeSpec:
        for mark in annotation.__metadata__:
            if mark is PickleMarker:
                return _object(inner)
            if isinstance(mark, Codec):
                return self.coded(inner, mark)
            if isinstance(mark, type) and issubclass(mark, TableSchema):
                return self.spec(mark)
        return self.spec(inner)

    def part(self, annotation: Any) -> TypeSpec:
        """The spec of something inside a container or record: only what can be part of one document."""
        spec = self.spec(annotation)
        if spec.kind in FOREIGN or (spec.kind == "union" and any(arm.kind in FOREIGN for arm in spec.args)):
            raise self.refused(
                self.whole,
                f"a {display(spec)} cannot be stored inside another value; return it as an output of its own",
            )
        return spec

    def of_class(self, cls: Any) -> TypeSpec:
        plain = typing.get_origin(cls) or cls
        if issubclass(plain, TableSchema):
            return TypeSpec(kind="table", columns=plain.columns)
        for spec, module, name in _LIBRARIES:
            if is_class(plain, module, name):
                return spec
        if issubclass(plain, PurePath):
            return TypeSpec(kind="path")
        if issubclass(plain, Enum):
            return self.enum(plain)
        if issubclass(plain, tuple) and hasattr(plain, "_fields"):
            hints = typing.get_type_hints(plain)
            return TypeSpec(kind="tuple", args=tuple(self.part(hints.get(name, Any)) for name in plain._fields))
        return self.record(plain)

    def enum(self, cls: type[Enum]) -> TypeSpec:
        bases = [TypeSpec(kind=kind) for base, kind in _SCALARS.items() if base and issubclass(cls, base)]
        return TypeSpec(kind="enum", name=cls.__qualname__, values=tuple(cls.__members__), args=tuple(bases))

    def record(self, cls: type) -> TypeSpec:
        if cls in self.inside:
            return TypeSpec(kind="recursive", name=cls.__qualname__)
        if not _is_record(cls) and (spec := self.installed(cls)):
            return spec
        self.inside.append(cls)
        try:
            kind, parts = self.record_fields(cls)
        finally:
            self.inside.pop()
        return TypeSpec(kind=kind, name=cls.__qualname__, fields=parts)

    def record_fields(self, cls: Any) -> tuple[Kind, tuple[Field, ...]]:
        if _is_model(cls):
            own: dict[str, Any] = cls.__pydantic_fields__
            return "model", tuple(
                Field(name=name, type=self.part(field.annotation), required=field.is_required())
                for name, field in own.items()
            )
        if isinstance(cls, type) and is_dataclass(cls):
            hints = self.hints(cls)
            return "dataclass", tuple(
                Field(
                    name=field.name,
                    type=self.part(hints[field.name]),
                    required=field.default is MISSING and field.default_factory is MISSING,
                )
                for field in fields(cls)
            )
        if _is_typeddict(cls):
            return "typeddict", self.keys(cls)
        if hasattr(cls, "__get_pydantic_core_schema__"):  # a type of pydantic's own, or that knows pydantic
            return "model", ()
        raise self.refused(
            cls,
            "its values have no form to be stored in; use a dataclass, a TypedDict or a pydantic model, "
            f"name a codec, or allow pickle with Pickled[{cls.__qualname__}]",
        )

    def coded(self, inner: Any, codec: Any) -> TypeSpec:
        """The class under a codec that the annotation names."""
        cls = typing.get_origin(inner) or inner
        try:
            codec = usable(codec, "the codec")
        except ValueRefused as error:
            raise self.refused(self.whole, str(error)) from None
        if not (isinstance(cls, type) and codec.handles(cls)):
            raise self.refused(self.whole, f'codec "{codec.name}" does not handle {_written(inner)}')
        return _object(inner, codec.name)

    def installed(self, cls: type) -> TypeSpec | None:
        """The class if an installed codec stores it."""
        try:
            codec = codec_for(cls)
        except ValueRefused as error:
            raise self.refused(cls, str(error)) from None
        return None if codec is None else _object(cls, codec.name)

    def keys(self, cls: Any) -> tuple[Field, ...]:
        if sys.version_info < (3, 12) and type(cls).__module__ == "typing":
            raise self.refused(cls, "on Python 3.11, import TypedDict from typing_extensions (pydantic asks for it)")
        hints = self.hints(cls).items()
        return tuple(Field(name=n, type=self.part(hint), required=n in cls.__required_keys__) for n, hint in hints)

    def hints(self, cls: type) -> dict[str, Any]:
        try:
            return typing.get_type_hints(cls)
        except NameError as error:
            raise self.refused(cls, f"{error}; its fields must be resolvable where it is defined") from None

    def refused(self, annotation: Any, why: str) -> DefinitionError:
        whole = f" (in {_written(self.whole)})" if annotation is not self.whole else ""
        return DefinitionError(f"type {_written(annotation)}{whole}: {why}")


_LIBRARIES = (
    (TypeSpec(kind="table"), "pyarrow", "Table"),
    (TypeSpec(kind="dataframe"), "pandas", "DataFrame"),
    (TypeSpec(kind="dataframe", name="polars"), "polars", "DataFrame"),
    (TypeSpec(kind="ndarray"), "numpy", "ndarray"),
)

_NO_KEYS = frozenset(
    ("list", "sequence", "tuple", "vartuple", "set", "frozenset", "dict", "dataclass", "typeddict", "model")
)


def _object(annotation: Any, codec: str = "") -> TypeSpec:
    """A class that is a file of its own, with the names of the classes that its values are instances of."""
    cls = typing.get_origin(annotation) or annotation
    bases = cls.__mro__[:-1] if isinstance(cls, type) and cls is annotation else ()
    names = tuple(base.__qualname__ for base in bases)
    return TypeSpec(kind="object", name=_class_name(annotation), values=names, codec=codec)


def _is_record(cls: Any) -> bool:
    return _is_model(cls) or is_dataclass(cls) or _is_typeddict(cls)


def _is_model(cls: Any) -> bool:
    return hasattr(cls, "__pydantic_fields__") and hasattr(cls, "model_fields")


def _is_typeddict(cls: Any) -> bool:
    return issubclass(cls, dict) and hasattr(cls, "__required_keys__")


def is_class(cls: Any, package: str, name: str) -> bool:
    """Whether this is the named class of a package that may not be imported; subclasses count."""
    return any(base.__name__ == name and base.__module__.partition(".")[0] == package for base in cls.__mro__)


def _class_name(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)


def _written(annotation: Any) -> str:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__qualname__
    return f'"{annotation}"' if isinstance(annotation, str) else str(annotation)
