"""Choices in a workflow's body: `when(…).then(…).otherwise(…)`, and what the steps they are made into run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

from latewood.promises import COMPARISONS, Call, Condition, Promise, Source, misuse, source_of
from latewood.workflows import composing

Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")

_KNOWN: Final = (bool, int, float, str, type(None))


def when(condition: bool, /, *, name: str = "when") -> "When":  # noqa: FBT001 - the subject of the sentence
    """Begin a choice: `when(score > 0.8).then(publish, model).otherwise(tune, model, depth=6)`.

    Each branch is a task, a workflow or a function of such, with its arguments. The one that is not taken is skipped.
    Of values that are known, a choice calls the one that is meant.
    """
    composition, subject = composing(), cast("Any", condition)
    if composition is None or type(subject) in _KNOWN:
        return When(known=bool(subject))
    arguments: dict[str, Any] = {}
    arguments["expression"] = _expression(subject, arguments)
    options = {"description": f"Whether {subject!r}."}
    return When(asked=composition.add("condition", name, holds, arguments, options))


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A condition whose branches are still to be said."""

    known: bool | None = None
    asked: Call | None = None

    def then(self, call: Callable[Q, S], /, *args: Q.args, **kwargs: Q.kwargs) -> "Then[S]":
        """What is done where the condition holds."""
        return Then(condition=self, taken=self.branch(call, args, kwargs, taken=True))

    def branch(self, call: Any, args: Any, kwargs: Any, *, taken: bool) -> Any:
        """What the call returns, made where the condition is so."""
        if self.asked is None:
            return call(*args, **kwargs) if self.known is taken else None
        composition = composing()
        assert composition is not None, "asked for in a workflow's body"
        if isinstance(call, Promise) or not callable(call):
            raise misuse(f"{call!r}: expected a task and its arguments, as in .then(train, table, depth=3)")
        with composition.under(self.asked, taken=taken):
            return call(*args, **kwargs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Then(Generic[R]):
    """A condition with one branch: enough where nothing reads its result."""

    condition: When
    taken: R

    def otherwise(self, call: Callable[Q, S], /, *args: Q.args, **kwargs: Q.kwargs) -> R | S:
        """What is done where it does not hold; the result is that of the branch that is taken."""
        other = self.condition.branch(call, args, kwargs, taken=False)
        if self.condition.asked is None:
            return self.taken if self.condition.known else cast("S", other)
        if not isinstance(self.taken, Promise) and not isinstance(other, Promise):
            return cast("R", None)
        composition = composing()
        assert composition is not None, "asked for in a workflow's body"
        asked = self.condition.asked
        arguments = {"condition": Promise(Source(asked)), "then": self.taken, "otherwise": other}
        name = f"{asked.name.rpartition('/')[2]}/result"
        return cast("R", Promise(Source(composition.add("choice", name, choose, arguments))))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise misuse(
            f".{name}: a choice with one branch has no result. Say what is meant else with .otherwise(task, …)."
        )


def holds(*, expression: Any, **values: Any) -> bool:
    """Whether a condition holds for these values: what a step of kind condition runs."""
    match expression:
        case {"value": name}:
            return cast("bool", values[name])
        case {"not": inner}:
            return not holds(expression=inner, **values)
        case {"and": inner}:
            return all(holds(expression=part, **values) for part in inner)
        case {"or": inner}:
            return any(holds(expression=part, **values) for part in inner)
        case dict():
            ((operation, (left, right)),) = expression.items()
            compared = COMPARISONS[operation](holds(expression=left, **values), holds(expression=right, **values))
            return bool(compared)
        case literal:
            return cast("bool", literal)


def choose(*, condition: bool, then: Any = None, otherwise: Any = None) -> Any:
    """The value of the branch that is taken: what a step of kind choice runs."""
    return then if condition else otherwise


def part_of(value: Any, *, path: list[Any]) -> Any:
    """A part of a value, by attribute names, keys and indices: what `scores.auc` of a record is made by."""
    for step in path:
        value = getattr(value, step) if isinstance(step, str) and not isinstance(value, Mapping) else value[step]
    return value


def _expression(condition: Any, arguments: dict[str, Any]) -> Any:
    """The condition as JSON; what it asks for goes to the arguments, each under a name."""
    match condition:
        case Condition(operation="not", operands=(inner,)):
            return {"not": _expression(inner, arguments)}
        case Condition(operation=operation, operands=operands):
            return {operation: [_expression(operand, arguments) for operand in operands]}
        case Promise():
            asked = {source_of(promise): name for name, promise in arguments.items()}
            name = asked.get(source_of(condition), f"value_{len(arguments)}")
            arguments[name] = condition
            return {"value": name}
        case bool() | int() | float() | str() | None:
            return condition
        case other:
            raise misuse(
                f"when(…): expected a comparison of results with numbers or texts, found {type(other).__name__}"
            )
