"""The types of inputs, outputs and parameters, as data that goes into the log.

A planner or a page shows and compares types without importing the user's code: `TypeSpec` says of an
annotation all that is needed for that. `fits` refuses only what *cannot* fit: where one side does not say
(`Any`, a table without a schema), the value decides at run time.
"""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

import msgspec

from latewood.model.tables import Column

Kind = Literal[
    "any",
    "none",
    "bool",
    "int",
    "float",
    "str",
    "bytes",
    "datetime",
    "date",
    "time",
    "timedelta",
    "decimal",
    "uuid",
    "enum",
    "literal",
    "list",
    "sequence",
    "tuple",
    "vartuple",
    "set",
    "frozenset",
    "dict",
    "union",
    "dataclass",
    "typeddict",
    "model",
    "recursive",
    "path",
    "table",
    "dataframe",
    "ndarray",
    "object",
]


class Field(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One field of a dataclass, TypedDict or pydantic model."""

    name: str
    type: "TypeSpec"
    required: bool = True


class TypeSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an annotation says, without the annotation.

    args      items of containers, arms of a union, the scalar under an Enum, the types of a Literal's values
    name      the class of an enum, record or object; the dtype of an array; the library of a frame, if not pandas
    values    members of an enum by name; values of a Literal as written; an object's class and its bases
    columns   the declared schema of a table; None where none is declared
    codec     the name of the codec that stores an object; empty for a pickle
    """

    kind: Kind
    args: "tuple[TypeSpec, ...]" = ()
    name: str = ""
    values: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    columns: tuple[Column, ...] | None = None
    codec: str = ""


ANY = TypeSpec(kind="any")

FOREIGN = frozenset({"path", "table", "dataframe", "ndarray", "object"})
"""Kinds whose values are files of their own, not parts of a JSON document."""


class PickleMarker:
    """The mark that `Pickled` leaves on an annotation."""


T = TypeVar("T")
Pickled = Annotated[T, PickleMarker]
"""`Pickled[Model]`: a value of this class may be stored as a pickle. Never chosen by itself."""


def display(spec: TypeSpec) -> str:
    """The type as a user would write it."""
    args = ", ".join(display(arg) for arg in spec.args)
    match spec.kind:
        case "none":
            return "None"
        case "union":
            return " | ".join(display(arg) for arg in spec.args)
        case "literal":
            return f"Literal[{', '.join(spec.values)}]"
        case "vartuple":
            return f"tuple[{args}, ...]"
        case "tuple":
            return f"tuple[{args or '()'}]"
        case "table":
            return "Table" if spec.columns is None else f'Table["{", ".join(map(str, spec.columns))}"]'
        case "ndarray":
            return f"NDArray[{spec.name}]" if spec.name else "ndarray"
        case "object":
            return spec.name if spec.codec else f"Pickled[{spec.name}]"
        case "dataframe" if spec.name:
            return f"{spec.name}.DataFrame"
        case "enum" | "dataclass" | "typeddict" | "model" | "recursive":
            return spec.name
    name = _WRITTEN.get(spec.kind, spec.kind)
    return f"{name}[{args}]" if args else name


_WRITTEN = {
    "any": "Any",
    "decimal": "Decimal",
    "uuid": "UUID",
    "sequence": "Sequence",
    "path": "Path",
    "dataframe": "DataFrame",
}


def fits(produced: TypeSpec, expected: TypeSpec) -> str | None:
    """None if every value of `produced` may be given where `expected` is asked, otherwise the reason.

    The reason names the offending part: `column dep_delay: expected double, found string`. An int fits a
    float; nothing else is converted, so a bool is no int and a datetime no date. Containers and records are
    compared by content; of tables, a consumer may declare fewer columns, in any order.
    """
    if _open(produced) or _open(expected):
        return None
    if produced.kind == "union":
        return next((reason for arm in produced.args if (reason := fits(arm, expected))), None)
    if expected.kind == "union":
        if produced.kind == "literal" and len(produced.values) > 1:
            return next((reason for value in _single(produced) if (reason := fits(value, expected))), None)
        return _fits_an_arm(produced, expected)
    if produced.kind == expected.kind:
        rule = _RULES.get(produced.kind)
        return rule(produced, expected) if rule else None
    if (produced.kind, expected.kind) in _WIDER:
        return _parts(produced, expected)
    if produced.kind == "typeddict" and expected.kind == "dict":
        return _record_as_dict(produced, expected)
    if produced.kind in ("literal", "enum") and produced.args:
        return None if all(fits(arg, expected) is None for arg in produced.args) else _other(produced, expected)
    return _other(produced, expected)


_WIDER = frozenset(
    {
        ("int", "float"),
        ("list", "sequence"),
        ("vartuple", "sequence"),
        ("tuple", "sequence"),
        ("tuple", "vartuple"),
    }
)


def _open(spec: TypeSpec) -> bool:
    """Whether only the value can tell; a reference back into a recursive type is not followed."""
    return spec.kind in ("any", "recursive")


def _other(produced: TypeSpec, expected: TypeSpec) -> str:
    return f"expected {display(expected)}, found {display(produced)}"


def _fits_an_arm(produced: TypeSpec, expected: TypeSpec) -> str | None:
    reasons = [fits(produced, arm) for arm in expected.args]
    if None in reasons:
        return None
    alike = [reason for reason, arm in zip(reasons, expected.args, strict=True) if arm.kind == produced.kind]
    return alike[0] if len(alike) == 1 else _other(produced, expected)


def _parts(produced: TypeSpec, expected: TypeSpec) -> str | None:
    """Items of the produced container against those of the expected one; its last item stands for all."""
    labels = ("key", "value") if produced.kind == "dict" else ()
    for index, arg in enumerate(produced.args):
        wanted = expected.args[min(index, len(expected.args) - 1)] if expected.args else ANY
        if reason := fits(arg, wanted):
            label = labels[index] if labels else f"item {index}" if produced.kind == "tuple" else "item"
            return f"{label}: {reason}"
    return None


def _single(literal: TypeSpec) -> list[TypeSpec]:
    """Each value of a Literal as one of its own: they may go to different arms of a union."""
    kinds = {arg.kind: arg for arg in literal.args}
    return [
        TypeSpec(kind="literal", values=(value,), args=(kinds.get(_kind_written(value), ANY),))
        for value in literal.values
    ]


def _kind_written(value: str) -> Kind:
    """The kind of a Literal's value, from how it is written."""
    match value[0]:
        case "'" | '"':
            return "str"
        case "T" | "F":
            return "bool"
        case "N":
            return "none"
        case "b":
            return "bytes"
    return "int"


def _tuple(produced: TypeSpec, expected: TypeSpec) -> str | None:
    return _parts(produced, expected) if len(produced.args) == len(expected.args) else _other(produced, expected)


def _enum(produced: TypeSpec, expected: TypeSpec) -> str | None:
    same = produced.name == expected.name and set(produced.values) <= set(expected.values)
    return None if same else _other(produced, expected)


def _literal(produced: TypeSpec, expected: TypeSpec) -> str | None:
    return None if set(produced.values) <= set(expected.values) else _other(produced, expected)


def _record(produced: TypeSpec, expected: TypeSpec) -> str | None:
    found = {field.name: field for field in produced.fields}
    for field in expected.fields:
        if field.name not in found:
            if field.required:
                return f"field {field.name}: expected {display(field.type)}, found no such field"
        elif reason := fits(found[field.name].type, field.type):
            return f"field {field.name}: {reason}"
        elif produced.kind == "typeddict" and field.required and not found[field.name].required:
            return f"field {field.name}: expected it always, found NotRequired"
    return None


def _record_as_dict(produced: TypeSpec, expected: TypeSpec) -> str | None:
    whole = TypeSpec(kind="dict", args=(TypeSpec(kind="str"), ANY))
    if reason := _parts(whole, expected):
        return reason
    value = expected.args[1] if expected.args else ANY
    return next((f"field {f.name}: {reason}" for f in produced.fields if (reason := fits(f.type, value))), None)


def _table(produced: TypeSpec, expected: TypeSpec) -> str | None:
    if produced.columns is None or expected.columns is None:
        return None
    return columns_fit(produced.columns, expected.columns)


def columns_fit(produced: tuple[Column, ...], expected: tuple[Column, ...]) -> str | None:
    """None if a table of the produced columns has all the expected ones, otherwise the first that fails."""
    found = {column.name: column for column in produced}
    for column in expected:
        other = found.get(column.name)
        if other is None:
            return f"column {column.name}: expected {column.type}, found no such column"
        if other.type != column.type:
            return f"column {column.name}: expected {column.type}, found {other.type}"
        if other.nullable and not column.nullable:
            return f"column {column.name}: expected no nulls, found {other.type}? (nullable)"
    return None


def _ndarray(produced: TypeSpec, expected: TypeSpec) -> str | None:
    known = produced.name and expected.name
    return _other(produced, expected) if known and produced.name != expected.name else None


def _dataframe(produced: TypeSpec, expected: TypeSpec) -> str | None:
    return None if produced.name == expected.name else _other(produced, expected)


def _object(produced: TypeSpec, expected: TypeSpec) -> str | None:
    known = produced.values and expected.values  # of `Pickled[list[Model]]`, say, no class is known
    return _other(produced, expected) if known and expected.name not in produced.values else None


_RULES: dict[str, Callable[[TypeSpec, TypeSpec], str | None]] = {
    "list": _parts,
    "sequence": _parts,
    "vartuple": _parts,
    "set": _parts,
    "frozenset": _parts,
    "dict": _parts,
    "tuple": _tuple,
    "enum": _enum,
    "literal": _literal,
    "dataclass": _record,
    "typeddict": _record,
    "model": _record,
    "table": _table,
    "ndarray": _ndarray,
    "dataframe": _dataframe,
    "object": _object,
}
