"""Arrow's types as logical types: the ones that declared, hashed and recorded schemas speak."""

from functools import lru_cache

import pyarrow as pa

from latewood.errors import ValueRefused
from latewood.model.tables import Column, column_type, written_name


class NoCanonicalContent(ValueRefused):
    """A table has a column whose type has no canonical content (a union); names the type."""


def columns_of(schema: pa.Schema, *, nullable: bool | None = None) -> tuple[Column, ...]:
    """The columns of a table's schema; nullable as its fields say, or as told. Raises NoCanonicalContent."""
    return tuple(
        Column(
            name=field.name,
            type=logical_type(field.type),
            nullable=field.nullable if nullable is None else nullable,
        )
        for field in schema
    )


@lru_cache(maxsize=4096)
def logical_type(dtype: pa.DataType) -> str:
    """The normal form of an Arrow type as in a declared schema: layouts of equal content are one type."""
    match dtype:
        case pa.BaseExtensionType():
            # str() names the extension with its parameters, such as the shape of a tensor
            return f"extension<{written_name(str(dtype))}, {logical_type(dtype.storage_type)}>"
        case pa.DictionaryType() | pa.RunEndEncodedType():
            return logical_type(dtype.value_type)
        case pa.StructType():
            return f"struct<{', '.join(f'{written_name(f.name)}: {logical_type(f.type)}' for f in dtype)}>"
        case pa.MapType():
            return f"map<{logical_type(dtype.key_type)}, {logical_type(dtype.item_type)}>"
        case pa.FixedSizeListType():
            return f"fixed_size_list<{logical_type(dtype.value_type)}>[{dtype.list_size}]"
        case pa.ListType() | pa.LargeListType() | pa.ListViewType() | pa.LargeListViewType():
            return f"list<{logical_type(dtype.value_type)}>"
        case pa.UnionType():
            raise NoCanonicalContent(f"column type {dtype} has no canonical content; use a struct of nullable fields")
    return column_type(str(dtype))
