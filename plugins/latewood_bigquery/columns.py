"""The columns of a table as Arrow writes their types, which are those that its rows are brought in."""

import json
from collections.abc import Sequence
from typing import Any, Final

_TYPES: Final = {
    "BOOL": "bool",
    "BOOLEAN": "bool",
    "INT64": "int64",
    "INTEGER": "int64",
    "FLOAT64": "double",
    "FLOAT": "double",
    "STRING": "string",
    "BYTES": "binary",
    "DATE": "date32",
    "TIME": "time64[us]",
    "DATETIME": "timestamp[us]",
    "TIMESTAMP": "timestamp[us, tz=UTC]",
    "NUMERIC": "decimal128(38, 9)",
    "BIGNUMERIC": "decimal256(76, 38)",
}


def arrow_columns(fields: Sequence[Any]) -> dict[str, str]:
    """Types by name, with a `?` where there may be nulls; none at all where one of them is of no such type."""
    types = {field.name: _type(field) for field in fields}
    if not all(types.values()):
        return {}
    return {field.name: f"{types[field.name]}{'?' if field.mode == 'NULLABLE' else ''}" for field in fields}


def _type(field: Any) -> str:
    if field.field_type in ("RECORD", "STRUCT"):
        inner = {each.name: _type(each) for each in field.fields}
        named = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: {type_}" for name, type_ in inner.items())
        found = f"struct<{named}>" if all(inner.values()) else ""
    else:
        found = _TYPES.get(field.field_type, "")
    return f"list<{found}>" if found and field.mode == "REPEATED" else found
