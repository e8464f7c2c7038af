"""The annotation that a recorded type stands for, so that a value can be read where the code is elsewhere."""

import ast
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, NewType, Union
from uuid import UUID

from latewood.engine.values.annotations import RECORDED
from latewood.model.definitions import Parameter
from latewood.model.types import ANY, Kind, TypeSpec

_PLAIN: Final[dict[Kind, Any]] = {
    "none": None,
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "bytes": bytes,
    "datetime": datetime,
    "date": date,
    "time": time,
    "timedelta": timedelta,
    "decimal": Decimal,
    "uuid": UUID,
    "path": Path,
}
_CONTAINERS: Final[dict[Kind, Any]] = {
    "list": list,
    "sequence": list,
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "dict": dict,
}
_RECORDS: Final = ("dataclass", "typeddict", "model")


def annotation_of(parameter: Parameter) -> Any:
    """What a parameter's values are held against; classes of the user's own are told by the shape of their JSON."""
    if parameter.type.kind == "enum" and (members := parameter.json_schema.get("enum")):
        return Literal[tuple(members)]
    return _annotation(parameter.type)


def recorded_annotation(type_: TypeSpec, plain: Any = None) -> Any:
    """An annotation whose description is exactly this one, of which values are as `plain`, or as far as it says."""
    if type_ == ANY:
        return Any
    new: Any = NewType  # of what is known now only
    annotation = new(type_.name or type_.kind, plain or _annotation(type_))
    setattr(annotation, RECORDED, type_)
    return annotation


def _annotation(type_: TypeSpec) -> Any:
    args = tuple(map(_annotation, type_.args))
    match type_.kind:
        case "literal":
            return Literal[tuple(map(ast.literal_eval, type_.values))]
        case "union" | "enum" if args:
            return Union[args]  # noqa: UP007 - of as many as there are
        case "vartuple":
            return tuple[args[0], ...] if args else tuple  # type: ignore[valid-type]
        case kind if kind in _CONTAINERS:
            return _CONTAINERS[kind][args] if args else _CONTAINERS[kind]
        case kind if kind in _RECORDS:
            return dict[str, Any]
        case kind:
            return _PLAIN.get(kind, Any)
