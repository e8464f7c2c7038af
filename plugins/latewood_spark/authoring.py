"""Functions that Spark's driver calls: their source is what is submitted, and what is recorded of them."""

import ast
import builtins
import inspect
import symtable
from collections.abc import Callable, Iterator, Mapping
from textwrap import dedent
from types import FunctionType
from typing import Final, ParamSpec, TypeVar

from latewood.plugin import runs_on

_RECEIVED: Final = {"PartitionKey": "partition", "TimeWindow": "window"}
_NOT_THERE: Final = frozenset({"Context", "GridKey", "PartitionRange"})

P = ParamSpec("P")
R = TypeVar("R")

SPARK = "spark"
"""The session, as a global name of the function."""


def spark_task(
    *, session: Mapping[str, str] | None = None, conf: Mapping[str, str] | None = None, connector: str = "spark"
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Have Spark call the function; under `@asset` or `@task`.

    What it reads it receives as a Spark DataFrame, or as the value of a small document; what it returns as a DataFrame
    is written as Parquet, and stays there. `spark` is the session. The function alone is what the driver has: it
    imports whatever it uses. A parameter that is annotated PartitionKey receives a text, one that is annotated
    TimeWindow something with a `start` and an `end`.

    session    settings that decide what comes out, such as spark.sql.session.timeZone: part of the code version
    conf       how it is run: resources, shuffle partitions
    connector  the name under which latewood.toml configures the cluster
    """

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        assert isinstance(function, FunctionType), f"expected a function, found {function!r}"
        definition = definition_of(function)
        options = {
            "name": function.__name__,
            "receives": received_by(definition),
            "source": source_of(definition),
            "session": dict(session or {}),
        }
        return runs_on(connector, options=options, settings={"conf": dict(conf or {})})(function)

    return decorated


def definition_of(function: FunctionType) -> ast.FunctionDef:
    """The function, as it is written."""
    (definition,) = ast.parse(dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef), "a task is a function"
    return definition


def received_by(definition: ast.FunctionDef) -> dict[str, str]:
    """What a function hears of its partition, by parameter. Raises TypeError for what there is only where it is called.

    By the names of annotations: what they stand for is for others to know.
    """
    found: dict[str, str] = {}
    for argument in _arguments(definition):
        name = "" if argument.annotation is None else ast.unparse(argument.annotation).rpartition(".")[2]
        if name in _NOT_THERE:
            raise TypeError(f"{definition.name}: Spark's driver has no {name} to give to {argument.arg}")
        if name in _RECEIVED:
            found[argument.arg] = _RECEIVED[name]
    return found


def source_of(definition: ast.FunctionDef) -> str:
    """The function alone, without decorators and annotations. Raises TypeError for what it would not have there."""
    definition.decorator_list = []
    definition.returns = None
    for argument in _arguments(definition):
        argument.annotation = None
    source = ast.unparse(definition)
    names = _globals(symtable.symtable(source, definition.name, "exec"))
    missing = sorted({*names} - {*dir(builtins), definition.name, SPARK})
    if missing:
        raise TypeError(
            f"{definition.name} uses {', '.join(missing)}, which Spark's driver does not have: it gets the "
            "function alone. Import it, or define it, inside"
        )
    return source


def _arguments(definition: ast.FunctionDef) -> list[ast.arg]:
    found = definition.args
    return [*found.posonlyargs, *found.args, *found.kwonlyargs]


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that the module, and functions within, look up among those of the module."""
    is_module = table.get_type() == "module"
    yield from (symbol.get_name() for symbol in table.get_symbols() if is_module or symbol.is_global())
    for child in table.get_children():
        yield from _globals(child)
