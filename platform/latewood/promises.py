"""Promises: what stands for a value in a workflow's body, while nothing has been computed yet.

A promise may be passed on, taken apart (`parts.train`, `pair[0]`), compared for `when(…)`, and put in order (`a >> b`).
Whatever would need the value itself is refused where it is written, with the way out.
"""

import operator
import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from types import FunctionType, GenericAlias
from typing import Any, ClassVar, Final, Literal, NamedTuple, NoReturn, Optional, TypeVar

from latewood.context import Output
from latewood.errors import DefinitionError

_OWN: Final = str(Path(__file__).parent)

F = TypeVar("F")


class Place(NamedTuple):
    """A line of the user's."""

    file: str
    line: int


def here() -> Place:
    """The innermost line that is being run outside of Latewood."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to ask who calls
    while frame.f_code.co_filename.startswith((_OWN, "<string>")) and frame.f_back is not None:  # or a dataclass' own
        frame = frame.f_back
    return Place(frame.f_code.co_filename, frame.f_lineno)


def misuse(message: str) -> DefinitionError:
    """What to raise for something that cannot be written in a workflow's body: at the user's own line."""
    place = here()
    return DefinitionError(message, file=place.file, line=place.line)


class Decorated:
    """What a decorator has made of a function: one function is one such thing."""

    decorator: ClassVar[str]


def undecorated(function: F, decorator: str, *, goes_below: bool = False) -> F:
    """The function. Raises DefinitionError for what another decorator has made something of already."""
    if isinstance(function, Decorated):
        kind = function.decorator
        way = f"write @{kind} above @{decorator}" if goes_below else "one function is one of the two"
        raise misuse(f"@{decorator}: expected a function, found {kind} {getattr(function, '__name__', '')}; {way}")
    return function


def require_subject(given: object, decorator: str) -> None:
    """Raise DefinitionError where the decorated function stands in place of the asset that it is about."""
    if isinstance(given, FunctionType):
        raise misuse(f'@{decorator}: expected its asset first, as in @{decorator}("orders")')


@dataclass(frozen=True, eq=False, slots=True)
class WorkflowInput:
    """A parameter of the workflow that is composed."""

    name: str
    annotation: Any
    default: Any


@dataclass(eq=False, slots=True, kw_only=True)
class Call:
    """One step of a workflow: a call of a task in its body, or what conditions, choices and parts are made into.

    `name` is its path below the workflow; `branch` are the conditions it is under, outermost first, each with the
    value it needs; `after` the calls it only waits for. The task is called for every element of the arguments `each`;
    at least a share of `min_success_ratio` of these calls has to succeed.
    """

    name: str
    kind: Literal["task", "condition", "choice"]
    function: Callable[..., Any]
    options: Mapping[str, Any]
    arguments: Mapping[str, Any]
    place: Place
    branch: "tuple[tuple[Call, bool], ...]" = ()
    after: "list[Call]" = field(default_factory=list)
    each: tuple[str, ...] = ()
    min_success_ratio: float = 1.0

    @property
    def returns(self) -> Any:
        """The annotation of its result; where it is called for elements that is a list."""
        return self.collected(returned(self.function))

    def collected(self, annotation: Any) -> Any:
        """The annotation of the result where each call returns this."""
        if not self.each:
            return annotation
        return GenericAlias(list, annotation if self.min_success_ratio == 1 else Optional[annotation])  # noqa: UP045 - any form


Part = str | int
"""An attribute's name, or an item's key or index."""


class Source(NamedTuple):
    """What a promise is of: a call's result or an input of the workflow, or a part of it."""

    origin: Call | WorkflowInput
    path: tuple[Part, ...] = ()

    @property
    def shown(self) -> str:
        """As in the workflow's text: `split.train`, `split[0]`."""
        parts = [f"[{part!r}]" if isinstance(part, int) else f".{part}" for part in self.path]
        return f"{self.origin.name}{''.join(parts)}"


def source_of(promise: "Promise") -> Source:
    """What the promise is of."""
    return promise._source  # noqa: SLF001 - a promise's other names are those of its value


class _Comparable:
    """What a condition can be made of."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise misuse(
            f"{self!r} is not known while the workflow is composed: `if`, `and`, `or`, `not` and chained comparisons "
            "cannot ask for it. Write when(condition).then(task, …).otherwise(task, …); join conditions with & | ~."
        )

    def __and__(self, other: Any) -> "Condition":
        return Condition("and", (self, other))

    def __or__(self, other: Any) -> "Condition":
        return Condition("or", (self, other))

    def __invert__(self) -> "Condition":
        return Condition("not", (self,))


class Condition(_Comparable):
    """A comparison of promises, or several joined: what `when(…)` asks for."""

    __slots__ = ("operands", "operation")

    def __init__(self, operation: str, operands: tuple[Any, ...]) -> None:
        self.operation = operation
        self.operands = operands

    def __repr__(self) -> str:
        sign = _SIGNS.get(self.operation, self.operation)
        if len(self.operands) == 1:
            return f"not {self.operands[0]!r}"
        return f" {sign} ".join(map(repr, self.operands))


COMPARISONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
"""What two values can be asked for, by the name under which a condition is recorded."""

_SIGNS: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}


class Promise(_Comparable):
    """The value that a task will return, or that an input will have."""

    __slots__ = ("_source",)

    def __init__(self, source: Source) -> None:
        self._source = source

    def __repr__(self) -> str:
        return self._source.shown

    def __getattr__(self, name: str) -> "Promise":
        if name.startswith("_"):
            raise AttributeError(name)
        return Promise(self._source._replace(path=(*self._source.path, name)))

    def __getitem__(self, key: Part) -> "Promise":
        if type(key) not in (str, int):
            raise misuse(f"{self!r}[{key!r}]: expected a name or a number known now. Cut or look up values in a task.")
        return Promise(self._source._replace(path=(*self._source.path, key)))

    def __iter__(self) -> "Iterator[Promise]":
        found = parts_of(annotation_of(self._source))
        indices = [part for part in found or () if isinstance(part, int)]
        if not indices:
            raise misuse(
                f"{self!r} cannot be looped over or unpacked: how many values it has is not known while the workflow "
                "is composed. Loop in a task, or have it return a tuple[…] or NamedTuple."
            )
        return iter([self[index] for index in indices])

    def __rshift__(self, later: Any) -> Any:
        """`a >> b`: b waits for a, without reading it."""
        first, second = self._source.origin, source_of(later).origin if isinstance(later, Promise) else None
        if not isinstance(first, Call) or not isinstance(second, Call):
            raise misuse(
                f"{self!r} >> {later!r}: expected the results of two tasks, the first to run before the second."
            )
        if first.branch != second.branch[: len(first.branch)]:
            raise misuse(
                f"{self!r} >> {later!r}: the first is in a branch that the second is not in; it may never run."
            )
        second.after.append(first)
        return later


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    return lambda self, other: Condition(name, (self, other))


def _refusal(act: str) -> Callable[..., Any]:
    def refuse(self: Promise, *_: Any) -> NoReturn:
        raise misuse(
            f"{act} {self!r} is not possible: it has no value while the workflow is composed. Do it in a task."
        )

    return refuse


for _name in COMPARISONS:
    setattr(Promise, f"__{_name}__", _comparison(_name))
for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift"):
    setattr(Promise, f"__{_name}__", _refusal("calculating with"))
    setattr(Promise, f"__r{_name}__", _refusal("calculating with"))
for _name in ("neg", "pos", "abs", "int", "float", "index", "complex", "round"):
    setattr(Promise, f"__{_name}__", _refusal("calculating with"))
for _name, _act in {
    "len": "taking the length of",
    "contains": "looking into",
    "str": "making text of",
    "format": "making text of",
    "call": "calling",
    "setitem": "changing",
    "fspath": "opening",
}.items():
    setattr(Promise, f"__{_name}__", _refusal(_act))


def annotation_of(source: Source) -> Any:
    """The annotation of the value that is promised; Any where only the value can tell. Raises LookupError.

    The error is for a part that the value cannot have, and names those it has.
    """
    origin = source.origin
    annotation = origin.annotation if isinstance(origin, WorkflowInput) else origin.returns
    for part in source.path:
        known = parts_of(annotation)
        if known is None:
            return Any
        if part not in known:
            there = ", ".join(str(name) for name in known) or "no parts"
            raise LookupError(f"{source.shown}: no {part!r} in {getattr(annotation, '__name__', annotation)}: {there}")
        annotation = known[part]
    return annotation


def returned(function: Callable[..., Any]) -> Any:
    """The annotation of what a function returns, that of the value where it returns an Output."""
    annotation = typing.get_type_hints(function, include_extras=True).get("return", Any)
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Output else annotation


def parts_of(annotation: Any) -> Mapping[Part, Any] | None:
    """Annotations of the parts of a value, by name and index; None where only the value can tell."""
    if annotation is Any:
        return None
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple and args[-1:] != (...,):
        return dict(enumerate(args))
    plain: Any = origin or annotation
    if not isinstance(plain, type):
        return None
    if is_named_tuple(plain):
        hints = _hints(plain)
        by_name = {name: hints.get(name, Any) for name in output_names(plain)}
        return by_name | dict(enumerate(by_name.values()))
    if is_dataclass(plain):
        hints = _hints(plain)
        return {item.name: hints[item.name] for item in fields(plain)}
    if hasattr(plain, "__required_keys__"):
        return _hints(plain)
    if hasattr(plain, "__pydantic_fields__"):
        return {name: model.annotation for name, model in plain.__pydantic_fields__.items()}
    if plain in _WHOLE:
        return {}
    return None


def _hints(kind: type) -> dict[Part, Any]:
    return dict(typing.get_type_hints(kind, include_extras=True).items())


_WHOLE: Final = (type(None), bool, int, float, bytes)
"""Types whose values have no parts."""


def is_named_tuple(kind: Any) -> bool:
    """True for the classes that NamedTuple and namedtuple make."""
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def output_names(annotation: Any) -> tuple[str, ...]:
    """The outputs of a step whose task returns a named or plain tuple; none where its value is one asset."""
    if is_named_tuple(annotation):
        return tuple(annotation._fields)
    args = typing.get_args(annotation)
    if typing.get_origin(annotation) is tuple and args and args[-1] is not ...:
        return tuple(str(index) for index in range(len(args)))
    return ()


def promises_in(value: Any) -> Iterator[Promise]:
    """The promises inside of lists, tuples and dicts."""
    match value:
        case Promise():
            yield value
        case list() | tuple() | set() | frozenset():
            for item in value:
                yield from promises_in(item)
        case dict():
            for item in value.values():
                yield from promises_in(item)
