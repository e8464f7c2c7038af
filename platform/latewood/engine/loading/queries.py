"""Functions that stand for queries: what is wrong with them, and what tables mean."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from latewood.engine.code.inspection import Inspector
from latewood.engine.code.queries import ANSWERED_HERE, DIMENSION, END, KEY, START, LiveQuery
from latewood.engine.loading.signature import Signature
from latewood.errors import DefinitionError
from latewood.model.code import CodeVersion
from latewood.model.schemes import GridScheme, layout_of

if TYPE_CHECKING:
    from latewood.decide.sql.query import Mention, Query

_PARTS_MAX: Final = 3
_ANSWERED: Final = (ANSWERED_HERE, "bigquery")
_NOT_FOR_QUERIES: Final = ("outputs", "subsettable", "partition_column", "partitions_per_step")


def query_code(live: LiveQuery, signature: Signature, options: Mapping[str, Any], inspector: Inspector) -> CodeVersion:
    """The code version of the query. Raises DefinitionError with all that is wrong with it."""
    faults = [*live.faults]
    if live.query is not None:
        faults += _faults(live, live.query, signature, options)
    if faults:
        raise DefinitionError("; ".join(faults))
    return inspector.query_version(live, options.get("code_version"))


def reuse_of(live: LiveQuery, options: Mapping[str, Any]) -> bool | timedelta:
    """Whether results are reused: by itself only where the query would say the same again, as far as is known here.

    Of tables that a warehouse has itself nobody here knows when they change.
    """
    changes = live.query is not None and bool(live.query.changing or {*live.query.tables} - {*live.tables.values()})
    choice: bool | timedelta = options.get("reuse", not changes)
    return choice


def table_of(live: LiveQuery, mention: "Mention") -> str:
    """What a message calls a table, with its place."""
    return f'table "{mention.name}" ({live.place(mention.at)})'


def _faults(live: LiveQuery, query: "Query", signature: Signature, options: Mapping[str, Any]) -> Iterator[str]:
    if query.dialect not in _ANSWERED:
        yield f'dialect "{query.dialect}": only {" and ".join(_ANSWERED)} are answered so far'
    is_job = query.dialect != ANSWERED_HERE
    for mention in query.tables if not is_job else ():
        if len(mention.parts) > _PARTS_MAX:
            quoted = "/".join(mention.parts)
            yield f'{table_of(live, mention)}: a name has at most {_PARTS_MAX} parts; put the key in quotes, "{quoted}"'
    for column in _by_full_names(live, query) if is_job else ():
        rest = ".".join(column.parts[1:])
        yield (
            f"{column.name} ({live.place(column.at)}): as a job's table it has another name than "
            f'"{".".join(column.parts[:2])}"; say {rest}, or name the table by AS'
        )
    for mention in query.outside:
        yield (
            f"{mention.name}() ({live.place(mention.at)}) reads what is no asset, and nobody would know what a "
            "result is made of; read it in an asset of its own, and name that as a table"
        )
    for option in _NOT_FOR_QUERIES:
        if option in options:
            yield f"{option}: a query makes one asset, and for each partition by itself"
    known = {parameter.name for parameter in signature.parameters}
    asked = {mention.name for mention in query.parameters}
    for mention in query.parameters:
        if mention.name not in known and mention.name not in live.partition:
            near = get_close_matches(mention.name, [*known, START, END, KEY], n=1)
            yield (
                f":{mention.name} ({live.place(mention.at)}): no parameter of that name"
                f'{f"; did you mean :{near[0]}?" if near else ""}; say parameters={{"{mention.name}": …}}'
            )
    for name in sorted(known - asked):
        yield f"parameters: the query asks for no :{name}"
    for name in live.partition:
        if name not in (START, END, KEY) and is_job:
            yield f":{name}: a job is told its :{START}, :{END} and :{KEY} alone"
        elif name not in (START, END, KEY) and (fault := _fault_of_dimension(name, options)):
            yield fault


def _by_full_names(live: LiveQuery, query: "Query") -> "Iterator[Mention]":
    from latewood.decide.sql.pieces import by_full_names  # noqa: PLC0415 - an extra's, which who has a query has

    return by_full_names(query, live.tables)


def _fault_of_dimension(name: str, options: Mapping[str, Any]) -> str | None:
    scheme, dimension = options.get("partitions"), name.removeprefix(DIMENSION)
    if scheme is None:
        return None  # said already
    names = layout_of(scheme).names if isinstance(scheme, GridScheme) else ()
    if dimension in names:
        return None
    there = ", ".join(f":{DIMENSION}{each}" for each in ("start", "end", "key", *names))
    return f':{name}: partitions have no dimension "{dimension}"; there is {there}, or say parameters={{"{name}": …}}'
