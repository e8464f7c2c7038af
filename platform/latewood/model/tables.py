"""Declared schemas of tables: `Table["year: int32, dep_delay: double?"]`, or a class with fields.

Column types are *logical*: how a value is laid out is not part of the promise, so `large_string`,
`string_view` and `dictionary<string>` are all `string`, and a `large_list` is a `list`. Names are Arrow's,
in the form Arrow prints them; `float` therefore means 32 bits and `double` 64.

How type checkers see it, without a plugin (pyarrow ships no types, so all of its own are `Any` too):

- `def f(flights: Table["year: int32"])` and plain `Table`: a `pyarrow.Table`;
- `Flights: TypeAlias = Table["year: int32"]`: likewise (mypy needs the `TypeAlias`);
- `class Flights(TableSchema): year: int`, used as `Flights`: a subclass of `pyarrow.Table`.

At run time all of them are classes that only carry `columns`; the values are `pyarrow.Table`s.
"""

import inspect
import json
import re
import types
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Union, get_args, get_origin

import msgspec

from latewood.errors import DefinitionError

if TYPE_CHECKING:
    from pyarrow import Table as _ArrowTable
else:
    _ArrowTable = object


class Column(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One column: its name, its logical type in normal form, and whether it may hold nulls."""

    name: str
    type: str
    nullable: bool = False

    def __str__(self) -> str:
        """As in a declaration: `dep_delay: double?`."""
        return f"{written_name(self.name)}: {self.type}{'?' if self.nullable else ''}"


class TableSchema(_ArrowTable):  # type: ignore[misc]  # pyarrow has no types: its classes are Any
    """Base of schemas written as classes; a field is a column, `X | None` makes it nullable.

    `int float str bytes bool date datetime timedelta` and lists of them stand for int64, double, string,
    binary, bool, date32, timestamp[us], duration[us]; any Arrow type by `Annotated[int, "int32"]`.
    """

    columns: ClassVar[tuple[Column, ...] | None] = None

    def __init_subclass__(cls) -> None:
        """Read the columns from the annotations; those of a base come first. Raises DefinitionError."""
        fields = inspect.get_annotations(cls, eval_str=True)
        if fields:
            own = tuple(_column(cls.__qualname__, name, annotation) for name, annotation in fields.items())
            cls.columns = (*(cls.columns or ()), *own)


if TYPE_CHECKING:
    Table: Any
    """A `pyarrow.Table`; `Table["year: int32, dep_delay: double?"]` one with at least these columns."""
else:

    class Table(TableSchema):
        """A `pyarrow.Table`; `Table["year: int32, dep_delay: double?"]` one with at least these columns."""

        def __class_getitem__(cls, declaration: str) -> type:
            """The table type with the declared columns. Raises DefinitionError where it cannot be read."""
            columns = parse_columns(declaration)
            return type(f'Table["{declaration}"]', (TableSchema,), {"columns": columns})


def parse_columns(declaration: str) -> tuple[Column, ...]:
    """The columns written as `name: type, name: type?`; a name with odd characters in double quotes.

    Raises DefinitionError: the declaration, where in it, what was expected there.
    """
    reader = _Reader(declaration)
    columns = [reader.column()]
    while reader.take(","):
        columns.append(reader.column())
    reader.end()
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(f'table schema "{declaration}": column {name} is declared twice')
    return tuple(columns)


def column_type(text: str) -> str:
    """The normal form of a type as Arrow writes it. Raises DefinitionError for what is no Arrow type."""
    reader = _Reader(text)
    normal = reader.type()
    reader.end()
    return normal


def written_name(name: str) -> str:
    """A column's name as in a declaration: quoted where it is not a plain word."""
    return name if re.fullmatch(r"\w+", name) else json.dumps(name, ensure_ascii=False)


_SAME = (
    {name: name for name in ("null", "bool", "halffloat", "float", "double", "string", "binary")}
    | {f"{sign}int{bits}": f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
    | {"float16": "halffloat", "float32": "float", "float64": "double", "boolean": "bool"}
    | {"utf8": "string", "large_string": "string", "large_utf8": "string", "string_view": "string"}
    | {"large_binary": "binary", "binary_view": "binary", "date32": "date32", "date64": "date64"}
    | {"month_day_nano_interval": "month_day_nano_interval"}
)
_UNITS = {
    "time32": ("s", "ms"),
    "time64": ("us", "ns"),
    "timestamp": ("s", "ms", "us", "ns"),
    "duration": ("s", "ms", "us", "ns"),
}
_DECIMALS = ("decimal32", "decimal64", "decimal128", "decimal256")
_LISTS = ("list", "large_list", "list_view", "large_list_view")
_PYTHON_NAMES = {
    "int": "int64",
    "str": "string",
    "bytes": "binary",
    "date": "date32",
    "datetime": "timestamp[us]",
}
_OF_PYTHON = {
    int: "int64",
    float: "double",
    bool: "bool",
    str: "string",
    bytes: "binary",
    date: "date32",
    datetime: "timestamp[us]",
    timedelta: "duration[us]",
}


class _Reader:
    """A cursor over a declaration: recursive descent, one token of lookahead."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def column(self) -> Column:
        name = self.name("a column name")
        self.expect(":")
        kind = self.type()
        return Column(name=name, type=kind, nullable=self.take("?"))

    def type(self) -> str:
        self.space()
        start = self.at
        name = self.word("a type")
        if name in _SAME:
            if name in ("date32", "date64") and self.take("["):  # Arrow prints date32[day]
                self.word("a unit")
                self.expect("]")
            return _SAME[name]
        if name in _UNITS:
            return f"{name}[{self.unit(name)}]"
        if name in _DECIMALS:
            return f"{name}({', '.join(self.numbers('(', ')'))})"
        if name == "fixed_size_binary":
            return f"{name}[{self.numbers('[', ']')[0]}]"
        if name in (*_LISTS, "fixed_size_list", "struct", "map", "dictionary"):
            return self.nested(name)
        hint = f"; write {_PYTHON_NAMES[name]}" if name in _PYTHON_NAMES else ""
        raise self.wrong(f"an Arrow type such as int32, double, string, date32 or timestamp[us, tz=UTC]{hint}", start)

    def nested(self, name: str) -> str:
        self.expect("<")
        if name == "struct":
            fields = [self.field()]
            while self.take(","):
                fields.append(self.field())
            normal = f"struct<{', '.join(fields)}>"
        elif name == "map":
            key = self.type()
            self.expect(",")
            normal = f"map<{key}, {self.type()}>"
        elif name == "dictionary":
            normal = self.dictionary()
        else:
            self.skip(r"\w+:")  # Arrow prints list<item: int64>
            normal = f"{'fixed_size_list' if name == 'fixed_size_list' else 'list'}<{self.type()}>"
        self.expect(">")
        return normal + (f"[{self.numbers('[', ']')[0]}]" if name == "fixed_size_list" else "")

    def field(self) -> str:
        name = self.name("a field name")
        self.expect(":")
        return f"{written_name(name)}: {self.type()}"

    def dictionary(self) -> str:
        """The type of the values: `dictionary<string>`, or as Arrow prints it, `values=string, indices=…`."""
        self.skip("values=")
        values = self.type()
        self.skip(r",\s*indices=\w+,\s*ordered=\w+")
        return values

    def unit(self, name: str) -> str:
        self.expect("[")
        self.space()
        start = self.at
        unit = self.word("a unit")
        if unit not in _UNITS[name]:
            raise self.wrong(f"a unit of {name}, one of {', '.join(_UNITS[name])}", start)
        if name == "timestamp" and self.take(","):
            self.expect("tz=")
            unit += f", tz={self.match(r'[^],<>]+', 'a time zone')}"
        self.expect("]")
        return unit

    def numbers(self, opening: str, closing: str) -> list[str]:
        self.expect(opening)
        numbers = [self.match(r"-?\d+", "a number")]
        while self.take(","):
            numbers.append(self.match(r"-?\d+", "a number"))
        self.expect(closing)
        return numbers

    def name(self, what: str) -> str:
        self.space()
        if self.text.startswith('"', self.at):
            return str(json.loads(self.match(r'"(?:[^"\\]|\\.)*"', f"{what} that ends with a quote")))
        return self.match(r"[^:,<>?\"]*[^:,<>?\"\s]", what)

    def word(self, what: str) -> str:
        return self.match(r"\w+", what)

    def match(self, pattern: str, what: str) -> str:
        self.space()
        found = re.compile(pattern).match(self.text, self.at)
        if not found:
            raise self.wrong(what, self.at)
        self.at = found.end()
        return found.group()

    def skip(self, pattern: str) -> None:
        self.space()
        if found := re.compile(pattern).match(self.text, self.at):
            self.at = found.end()

    def take(self, symbol: str) -> bool:
        self.space()
        found = self.text.startswith(symbol, self.at)
        self.at += len(symbol) if found else 0
        return found

    def expect(self, symbol: str) -> None:
        if not self.take(symbol):
            raise self.wrong(f'"{symbol}"', self.at)

    def end(self) -> None:
        self.space()
        if self.at < len(self.text):
            raise self.wrong("a comma or the end", self.at)

    def space(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def wrong(self, expected: str, at: int) -> DefinitionError:
        found = f'"{self.text[at : at + 20]}"' if at < len(self.text) else "the end"
        return DefinitionError(f'table schema "{self.text}": at character {at + 1}: expected {expected}, found {found}')


def _column(owner: str, name: str, annotation: Any) -> Column:
    arms = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    present = [arm for arm in arms if arm not in (None, type(None))]
    if len(present) == 1:
        normal = _of_python(present[0])
        if normal is not None:
            return Column(name=name, type=normal, nullable=len(arms) > 1)
    written = getattr(annotation, "__qualname__", None) or str(annotation)
    raise DefinitionError(
        f"table schema {owner}: column {name}: {written} has no one Arrow type; "
        f'name it, as in {name}: Annotated[Decimal, "decimal128(10, 2)"]'
    )


def _of_python(annotation: Any) -> str | None:
    """The Arrow type that a field's annotation stands for, None if there is none."""
    if get_origin(annotation) is Annotated:
        return next(_arrow_names(annotation), None)
    if get_origin(annotation) is list:
        item = _of_python(get_args(annotation)[0])
        return None if item is None else f"list<{item}>"
    return _OF_PYTHON.get(annotation) if isinstance(annotation, type) else None


def _arrow_names(annotation: Any) -> Iterator[str]:
    return (column_type(extra) for extra in annotation.__metadata__ if isinstance(extra, str))
