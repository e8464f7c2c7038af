"""Functions for queries to stand behind: with a signature that says what a query is asked with, where it is written."""

import inspect
import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FunctionType, UnionType
from typing import TYPE_CHECKING, Any, get_origin

from latewood.engine.code.queries import END, GRID, KEY, START, WINDOW
from latewood.model.grids import GridKey
from latewood.model.keys import PartitionKey
from latewood.model.partitions import TimeWindow

if TYPE_CHECKING:
    from latewood.decide.sql.query import Mention

_RECEIVED = {START: (WINDOW, TimeWindow), END: (WINDOW, TimeWindow), KEY: (KEY, PartitionKey)}


def tables_by_parameter(tables: "Iterable[Mention]", parameters: Iterable[str]) -> "dict[str, Mention]":
    """Each table by the parameter that receives it: of its own name, where one can be called so."""
    found: dict[str, Mention] = {}
    taken = {*parameters, WINDOW, KEY, GRID}
    for table in tables:
        name = re.sub(r"\W", "_", "_".join(table.parts))
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"table_{name}"
        while name in found or name in taken:
            name += "_"
        found[name] = table
    return found


def query_function(
    key: str,
    file: Path,
    line: int,
    *,
    tables: Iterable[str],
    partition: Iterable[str],
    parameters: Mapping[str, Any],
    table: Any,
    returns: Any,
) -> Callable[..., Any]:
    """What nobody calls, and everybody takes for a function in that line: it reads tables, and returns one.

    `parameters` have defaults, or types where a value has to be given.
    """

    def query() -> None:
        raise NotImplementedError

    received = dict(_RECEIVED.get(name, (GRID, GridKey)) for name in partition)
    signature = inspect.Signature(
        [
            *(_parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, table) for name in tables),
            *(_parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation) for name, annotation in received.items()),
            *(
                _parameter(name, inspect.Parameter.KEYWORD_ONLY, value)
                if _is_type(value)
                else _parameter(name, inspect.Parameter.KEYWORD_ONLY, _type_of(value), value)
                for name, value in parameters.items()
            ),
        ],
        return_annotation=returns,
    )
    name = re.sub(r"\W", "_", key.rpartition("/")[2]) or "query"
    code = query.__code__.replace(co_filename=str(file), co_firstlineno=line, co_name=name, co_qualname=key)
    function = FunctionType(code, {"__name__": file.stem}, name)
    function.__qualname__, function.__module__ = key, file.stem
    annotations = {each.name: each.annotation for each in signature.parameters.values()}
    function.__annotations__ = {**annotations, "return": returns}
    function.__signature__ = signature  # type: ignore[attr-defined]  # inspect reads it
    return function


def _parameter(name: str, kind: Any, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def _is_type(value: object) -> bool:
    return isinstance(value, type | UnionType) or get_origin(value) is not None


def _type_of(value: Any) -> Any:
    kinds = {type(item) for item in value} if isinstance(value, list) else set()
    return list[kinds.pop()] if len(kinds) == 1 else type(value)  # type: ignore[misc]  # of what it holds
