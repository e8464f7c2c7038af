"""How queries are carried out: as the library does, but for plain values, of which a page has thousands.

Of each the library finds out anew what its field is, which arguments it has and what it may be. That is the same for
all objects of a list, so it is found out once, and a value is then asked for and written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from time import monotonic
from types import CoroutineType, NoneType, SimpleNamespace
from typing import Any, Final, Protocol, TypeGuard

from graphene.types.resolver import dict_or_attr_resolver
from graphql import (
    ExecutionContext,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    Undefined,
    get_nullable_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
    located_error,
)
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path, is_iterable

from latewood_eventlog.errors import TookTooLong

_AWAITABLE: Final = (CoroutineType, asyncio.Future)
_FOR_EVER: Final = SimpleNamespace(until=inf)


def is_awaitable(value: Any) -> TypeGuard[Awaitable[Any]]:
    """What resolvers here wait for: their own coroutines and loaders' futures. Asked of each value of an answer."""
    return isinstance(value, _AWAITABLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leaf:
    """A field whose values are plain; `info` is that of all of them, and says no path."""

    nodes: list[FieldNode]
    type: GraphQLOutputType
    resolve: Callable[..., Any]
    is_worked_out: bool
    """Whether it may take long, since it is not looked up by its name alone."""
    info: GraphQLResolveInfo
    arguments: Mapping[str, Any]
    serialize: Callable[[Any], Any]


_Selected = tuple[str, list[FieldNode], _Leaf | None]
"""A field of a selection, by its name in the answer."""


class Timed(Protocol):
    """What has an end, by `time.monotonic`."""

    until: float


class Execution(ExecutionContext):
    """One operation. Answers and errors are those of the library; where the context is timed, until its time is over.

    The time is looked at before each field that is more than a value by its name: each may take long.
    """

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._timed: Timed = self.context_value if hasattr(self.context_value, "until") else _FOR_EVER
        self._selected: dict[int, tuple[Mapping[str, list[FieldNode]], Sequence[_Selected]]] = {}

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Path | None, fields: dict[str, list[FieldNode]]
    ) -> Any:
        """The fields of one object. `fields` are the same object for all objects of a type and selection."""
        if (known := self._selected.get(id(fields))) is None:
            selected = [(name, nodes, self._leaf(parent_type, nodes)) for name, nodes in fields.items()]
            known = self._selected[id(fields)] = fields, selected  # kept, or another could have its id
        found, awaited = dict[str, Any](), list[str]()
        timed = self._timed
        for name, nodes, leaf in known[1]:
            if (leaf is None or leaf.is_worked_out) and monotonic() > timed.until:
                raise TookTooLong("a call took longer than it may")
            if leaf is None:
                value = self.execute_field(parent_type, source_value, nodes, Path(path, name, parent_type.name))
                if value is Undefined:
                    continue
            else:
                value = self._value(leaf, source_value, path, name)
            if is_awaitable(value):
                awaited.append(name)
            found[name] = value
        return _when_there(found, awaited) if awaited else found

    def complete_list_value(
        self, return_type: Any, field_nodes: list[FieldNode], info: GraphQLResolveInfo, path: Path, result: Any
    ) -> Any:
        """A list; one of plain values at once, if nothing is wrong with any of them, and of objects by their fields."""
        item = get_nullable_type(return_type.of_type)
        if is_iterable(result):
            result = list(result)
            kinds = set(map(type, result))
            if NoneType not in kinds and not any(issubclass(kind, (*_AWAITABLE, Exception)) for kind in kinds):
                if is_leaf_type(item):
                    try:
                        found = list(map(item.serialize, result))
                    except Exception:  # noqa: BLE001 - told by the library, as that of its place in the list
                        found = [None]
                    if None not in found and Undefined not in found:
                        return found
                elif is_object_type(item) and item.is_type_of is None:
                    return self._objects(return_type.of_type, item, field_nodes, path, result)
        return super().complete_list_value(return_type, field_nodes, info, path, result)

    def _objects(
        self, kind: Any, item: GraphQLObjectType, nodes: list[FieldNode], path: Path, values: Sequence[Any]
    ) -> Any:
        fields, found, awaited = self.collect_subfields(item, nodes), list[Any](), list[int]()
        for index, value in enumerate(values):
            at = Path(path, index, None)
            try:
                one = self.execute_fields(item, value, at, fields)
            except Exception as error:  # noqa: BLE001 - of a field that may not be null, and now the object is
                self.handle_field_error(located_error(error, nodes, at.as_list()), kind, at)
                one = None
            if is_awaitable(one):
                one = self._object(kind, nodes, at, one)
                awaited.append(index)
            found.append(one)
        return _when_there(found, awaited) if awaited else found

    async def _object(self, kind: Any, nodes: list[FieldNode], at: Path, value: Awaitable[Any]) -> Any:
        try:
            return await value
        except Exception as error:  # noqa: BLE001 - as above
            self.handle_field_error(located_error(error, nodes, at.as_list()), kind, at)
            return None

    def _leaf(self, parent: GraphQLObjectType, nodes: list[FieldNode]) -> _Leaf | None:
        field: GraphQLField | None = parent.fields.get(nodes[0].name.value)
        kind: Any = None if field is None else get_nullable_type(field.type)  # type: ignore[arg-type]  # one of an answer
        if field is None or not is_leaf_type(kind):
            return None
        try:
            arguments = get_argument_values(field, nodes[0], self.variable_values)
        except GraphQLError:
            return None  # which is told of each
        given = field.resolve or self.field_resolver
        resolve = _resolver(given)
        return _Leaf(
            nodes=nodes,
            type=field.type,
            resolve=resolve,
            is_worked_out=resolve is given,
            info=self.build_resolve_info(field, nodes, parent, Path(None, nodes[0].name.value, parent.name)),
            arguments=arguments,
            serialize=kind.serialize,
        )

    def _value(self, leaf: _Leaf, source: Any, path: Path | None, name: str) -> Any:
        try:
            value = leaf.resolve(source, leaf.info, **leaf.arguments)
            if is_awaitable(value):
                return self._awaited(leaf, value, path, name)
            return self._written(leaf, value)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a field is of its answer
            return self._refused(leaf, error, path, name)

    async def _awaited(self, leaf: _Leaf, value: Awaitable[Any], path: Path | None, name: str) -> Any:
        try:
            return self._written(leaf, await value)
        except Exception as error:  # noqa: BLE001 - as above
            return self._refused(leaf, error, path, name)

    def _written(self, leaf: _Leaf, value: Any) -> Any:
        if value is None or isinstance(value, Exception):
            if value is None and not is_non_null_type(leaf.type):
                return None
        elif (found := leaf.serialize(value)) is not None and found is not Undefined:
            return found
        path = leaf.info.path
        return self.complete_value(leaf.type, leaf.nodes, leaf.info, path, value)  # which raises what is wrong

    def _refused(self, leaf: _Leaf, error: Exception, path: Path | None, name: str) -> None:
        at = Path(path, name, leaf.info.parent_type.name)
        self.handle_field_error(located_error(error, leaf.nodes, at.as_list()), leaf.type, at)


def _resolver(of: Callable[..., Any]) -> Callable[..., Any]:
    """The same at less cost, where a value is looked up by its name, as most are."""
    if not isinstance(of, partial) or of.func is not dict_or_attr_resolver:
        return of
    name, default = of.args

    def look_up(source: Any, _info: Any, **_: Any) -> Any:
        return source.get(name, default) if isinstance(source, dict) else getattr(source, name, default)

    return look_up


async def _when_there(found: Any, awaited: Sequence[Any]) -> Any:
    """A dictionary or list once all is there that is waited for."""
    for place, value in zip(awaited, await asyncio.gather(*(found[place] for place in awaited)), strict=True):
        found[place] = value
    return found
