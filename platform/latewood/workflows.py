"""Workflows: typed functions composed of task calls, and launch plans for them.

The body is run once, when definitions load, with promises in place of values: what it calls becomes the workflow's
steps. Called anywhere else, a workflow is the plain function it was.
"""

import inspect
import typing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any, ClassVar, Final, Generic, Literal, ParamSpec, Protocol, TypeVar, cast, overload

from latewood.errors import DefinitionError
from latewood.mapping import NOTHING_MAPPED, Each
from latewood.promises import (
    Call,
    Decorated,
    Place,
    Promise,
    Source,
    WorkflowInput,
    here,
    misuse,
    promises_in,
    undecorated,
)

P = ParamSpec("P")
R = TypeVar("R")


class TaskLike(Protocol):
    """A task, as a composition sees it."""

    options: Any
    step: str

    @property
    def function(self) -> Callable[..., Any]:
        """What it runs."""
        ...


class Composition:
    """The calls of a workflow's body, as they are made."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._names: Counter[str] = Counter()
        self._scope: tuple[str, ...] = ()
        self._branch: tuple[tuple[Call, bool], ...] = ()
        self._open: list[Callable[..., Any]] = []

    def call(self, task: TaskLike, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Promise:
        """A step: the task with what it is given."""
        arguments = _bound(task.function, task.step, args, kwargs).arguments
        if marked := [name for name, value in arguments.items() if isinstance(value, Each)]:
            raise misuse(f"{task.step}: {marked[0]}=each(…) is for its map: {task.step}.map({marked[0]}=each(…))")
        return Promise(Source(self._task(task, arguments)))

    def map(
        self, task: TaskLike, args: tuple[Any, ...], kwargs: Mapping[str, Any], min_success_ratio: float
    ) -> Promise:
        """A step that is one for each element of what it is given as such."""
        arguments = _bound(task.function, task.step, args, kwargs).arguments
        lists = {name: value.values for name, value in arguments.items() if isinstance(value, Each)}
        if not lists:
            raise misuse(f"{task.step}: {NOTHING_MAPPED}")
        call = self._task(task, {**arguments, **lists})
        call.each, call.min_success_ratio = tuple(lists), min_success_ratio
        return Promise(Source(call))

    def _task(self, task: TaskLike, arguments: Mapping[str, Any]) -> Call:
        for name, value in arguments.items():
            if not isinstance(value, Promise) and next(promises_in(value), None) is not None:
                raise misuse(
                    f'{task.step}: argument "{name}" has a promise inside a {type(value).__name__}. Pass it as an '
                    "argument of its own, or collect them in a task."
                )
        return self.add("task", task.step, task.function, arguments, task.options)

    def add(
        self,
        kind: Literal["task", "condition", "choice"],
        name: str,
        function: Callable[..., Any],
        arguments: Mapping[str, Any],
        options: Mapping[str, Any] | None = None,
    ) -> Call:
        """A step under a name of its own: the second `split` is `split_2`."""
        call = Call(
            name=self._unique(name),
            kind=kind,
            function=function,
            options=options or {},
            arguments=arguments,
            place=here(),
            branch=self._branch,
        )
        self.calls.append(call)
        return call

    def nest(self, inner: "Workflow[..., Any]", args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The steps of another workflow's body, under its name; what that body returns."""
        if inner.function in self._open:
            raise misuse(f'workflow "{inner.name}" calls itself: what it does must be known before anything runs')
        bound = _bound(inner.function, inner.step, args, kwargs)
        bound.apply_defaults()
        missing = [name for name in bound.signature.parameters if name not in bound.arguments]
        if missing:
            raise misuse(f"{inner.step}: missing {', '.join(missing)}")
        scope, self._scope = self._scope, tuple(self._unique(inner.step).split("/"))
        self._open.append(inner.function)
        try:
            return inner.function(*bound.args, **bound.kwargs)
        finally:
            self._scope = scope
            self._open.pop()

    @contextmanager
    def under(self, condition: Call, *, taken: bool) -> Iterator[None]:
        """What is called in the block is done only where the condition is so."""
        branch, self._branch = self._branch, (*self._branch, (condition, taken))
        try:
            yield
        finally:
            self._branch = branch

    def run(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Run the body; what it returns."""
        token = _COMPOSING.set(self)
        self._open.append(function)
        try:
            return function(**arguments)
        finally:
            self._open.pop()
            _COMPOSING.reset(token)

    def _unique(self, name: str) -> str:
        path = "/".join((*self._scope, name))
        self._names[path] += 1
        count = self._names[path]
        return path if count == 1 else f"{path}_{count}"


_COMPOSING: Final[ContextVar[Composition | None]] = ContextVar("composing", default=None)


def composing() -> Composition | None:
    """The composition whose body is being run, if one is."""
    return _COMPOSING.get()


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A workflow as its body composed it: inputs by name, calls in order, and what it returns."""

    inputs: Mapping[str, WorkflowInput]
    calls: tuple[Call, ...]
    result: Any


class Workflow(Decorated, Generic[P, R]):
    """A typed function composed of task and workflow calls; call it like the function it is."""

    decorator: ClassVar[str] = "workflow"

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str = "",
        description: str = "",
        on_failure: "TaskLike | None" = None,
    ) -> None:
        self.function = undecorated(function, self.decorator)
        self.name = name or function.__name__
        self.step = self.name
        self.description = description or inspect.cleandoc(function.__doc__ or "")
        self.on_failure = on_failure
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function; in another workflow's body, make its steps."""
        composition = composing()
        if composition is None:
            return self.function(*args, **kwargs)
        return cast("R", composition.nest(self, args, kwargs))

    def named(self, name: str) -> "Workflow[P, R]":
        """The same workflow, for a call whose steps stand under this name."""
        named = Workflow(self.function, name=self.name, description=self.description, on_failure=self.on_failure)
        named.step = name
        return named

    def compose(self) -> Composed:
        """Run the body with promises. Raises DefinitionError for what it cannot do, and what the body raises."""
        try:
            hints = typing.get_type_hints(self.function, include_extras=True)
        except Exception as error:  # evaluating annotations runs user code: anything may be raised
            raise DefinitionError(f"annotations cannot be read: {type(error).__name__}: {error}") from error
        inputs: dict[str, WorkflowInput] = {}
        for name, parameter in inspect.signature(self.function).parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise DefinitionError(f'parameter "{parameter}": expected inputs with names')
            default = parameter.default
            inputs[name] = WorkflowInput(name, hints.get(name, Any), default)
        composition = Composition()
        result = composition.run(self.function, {name: Promise(Source(input_)) for name, input_ in inputs.items()})
        return Composed(inputs=inputs, calls=tuple(composition.calls), result=result)


@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R]: ...
@overload
def workflow(
    *, name: str = "", description: str = "", on_failure: TaskLike | None = None
) -> Callable[[Callable[P, R]], Workflow[P, R]]: ...
def workflow(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str = "",
    description: str = "",
    on_failure: TaskLike | None = None,
) -> Workflow[P, R] | Callable[[Callable[P, R]], Workflow[P, R]]:
    """Make the decorated function a workflow: each task it calls is a step, and what that makes is an asset.

    Parameters are the workflow's inputs. A step is called by its task's name, a second one `split_2`;
    `split.named("holdout")(…)` names it. `on_failure` is a task that receives a WorkflowFailure: it runs once
    after a run in which a step failed.
    """
    if function is not None:
        return Workflow(function)
    return lambda decorated: Workflow(decorated, name=name, description=description, on_failure=on_failure)


def _bound(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> inspect.BoundArguments:
    try:
        return inspect.signature(function).bind_partial(*args, **kwargs)
    except TypeError as error:
        raise misuse(f"{name}: {error}") from None


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """A workflow, or a selection of assets, with values: `latewood launch NAME`.

    `fixed` values cannot be changed when it is launched, `defaults` can. They are named by the workflow's input, or
    for a selection as on the command line: `ASSET.NAME`.
    """

    name: str
    target: Workflow[..., Any] | str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    place: Place = field(default_factory=here, compare=False, repr=False)
