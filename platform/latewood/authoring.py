"""How users define assets, tasks and checks: decorators over plain functions. Workflows: `latewood.workflows`.

A decorated function stays callable and testable as it was. The decorators only keep what they are given; loading
a module (`latewood.engine.loading.loader`) reads signatures and reports every problem at once, with file and line.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from functools import update_wrapper
from typing import Any, ClassVar, Final, Generic, Literal, ParamSpec, TypedDict, TypeVar, Unpack, cast, overload

from latewood.automation import Automation
from latewood.errors import DefinitionError
from latewood.mapping import mapped, require_ratio
from latewood.model.definitions import Origin
from latewood.model.mappings import Along, Listed
from latewood.model.mappings import Mapping as PartitionMapping
from latewood.model.policies import Resources, Retry, Timeouts
from latewood.model.relations import All, FixedKeys, Last, Offset, PlainMapping
from latewood.model.schemes import Scheme
from latewood.places import IO
from latewood.promises import Decorated, Place, misuse, require_subject, undecorated
from latewood.workflows import LaunchPlan, Workflow, composing

P = ParamSpec("P")
R = TypeVar("R")


class TaskOptions(TypedDict, total=False):
    """What a task may be told besides its function.

    code_version: replaces the fingerprint of the code. reuse: False for a task that looks or acts outside, or for
    how long a result may be reused. retries: how often to try again. timeouts, pool, priority, resources, image:
    recorded and honoured by the executor that can. unkeyed: run parameters that do not change the result (how many
    threads, say): they stay out of the reuse key.
    """

    name: str
    code_version: str
    reuse: bool | timedelta
    retries: int | Retry
    timeouts: timedelta | Timeouts
    pool: str
    priority: int
    resources: Resources
    image: str
    unkeyed: Iterable[str]


class AssetOptions(TaskOptions, total=False):
    """What an asset may be told besides its function.

    key: path of segments, by default the function's name. inputs: upstream asset by parameter, where the parameter's
    name does not say it. deps: assets to wait for without loading them. outputs: several assets from one function,
    type by name. subsettable: the function can make some of its outputs without the others. io: where values live
    instead of the artifact store (`latewood.io`); of several outputs those that do not say it themselves.
    partition_column: the function is partition-wise. It is called for a PartitionRange, of up to partitions_per_step
    partitions, and this column of its result, dates, times or keys, says to which of them each row belongs.
    """

    key: str
    group: str
    owners: Iterable[str]
    tags: Mapping[str, str]
    kinds: Iterable[str]
    description: str
    metadata: Mapping[str, Any]
    partitions: Scheme
    inputs: Mapping[str, "Upstream"]
    deps: Iterable["Upstream"]
    outputs: Mapping[str, Any]
    subsettable: bool
    io: IO
    partition_column: str
    partitions_per_step: int


class CheckOptions(TaskOptions, total=False):
    """What a check may be told besides its asset and function."""

    blocking: bool
    severity: Literal["warning", "error"]
    description: str


@dataclass(frozen=True, slots=True)
class Out:
    """One of several outputs: its type, a key of its own, whether a result may lack it, and where its values live."""

    type: Any
    key: str | None = None
    optional: bool = False
    description: str = ""
    io: IO | None = None


Instead = Callable[[Callable[..., Any]], Callable[..., Any]]
"""Says which function is meant by one: itself, or what a test gives in place of another location's."""

_INSTEAD: Final[ContextVar[Instead | None]] = ContextVar("instead", default=None)


@contextmanager
def standing_in(instead: Instead) -> Iterator[None]:
    """In the block, the functions of assets and tasks are those that are meant by theirs."""
    token = _INSTEAD.set(instead)
    try:
        yield
    finally:
        _INSTEAD.reset(token)


def _meant(function: Callable[P, R]) -> Callable[P, R]:
    instead = _INSTEAD.get()
    return function if instead is None else instead(function)


class Asset(Decorated, Generic[P, R]):
    """A function that makes an asset (or several); call it like the function it is.

    One that is not made by its function, but external or virtual (`latewood.external`), is defined at `place`.
    """

    decorator: ClassVar[str] = "asset"

    def __init__(
        self,
        function: Callable[P, R],
        options: AssetOptions,
        fixed: Mapping[str, Any] | None = None,
        *,
        origin: Origin = Origin.MADE,
        place: Place | None = None,
    ) -> None:
        self._function = undecorated(function, self.decorator)
        self.options = options
        self.fixed = dict(fixed or {})
        self.origin = origin
        self.place = place
        update_wrapper(self, function)

    @property
    def function(self) -> Callable[P, R]:
        """What makes it."""
        return _meant(self._function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function."""
        if composing() is not None:
            name = self.function.__name__
            raise misuse(
                f"{name}(): a workflow's steps are tasks, and an asset is none. Pass it on as it is: task({name})"
            )
        return self.function(*args, **kwargs)

    def __getitem__(self, output: str) -> "OutputOf":
        return OutputOf(self, output)


@dataclass(frozen=True, slots=True)
class OutputOf:
    """One output of an asset function that makes several: `split["train"]`."""

    asset: Asset[..., Any]
    output: str


@dataclass(frozen=True, slots=True)
class From:
    """An input that says which partitions it reads: `From(daily, "last")`, `From("self", offset=-1)`.

    `mapping` is "last", "all", or one of `latewood.model.mappings`; `keys` names the partitions. Of a grid `dimensions`
    says it along single ones: `{"region": "all", "day": -1}`, or a list of keys. `by` is a function from a key to the
    key, or keys, that are read for it; it is asked once for each when definitions load, so both sides must be finite.
    """

    asset: "Asset[..., Any] | OutputOf | str"
    mapping: PartitionMapping | Literal["last", "all"] | None = None
    offset: int | None = None
    keys: Iterable[str] | None = None
    dimensions: "Mapping[str, PlainMapping | Literal['last', 'all'] | int | Iterable[str]] | None" = None
    by: Callable[[Any], str | Iterable[str]] | None = None

    @property
    def how(self) -> PartitionMapping | None:
        """The mapping, however it was said; None = the default for the two partition schemes.

        Raises DefinitionError for more than one word on it, and for one that means nothing.
        """
        said = (self.mapping, self.offset, self.keys, self.dimensions, self.by)
        if sum(word is not None for word in said) > 1:
            raise DefinitionError("From: expected one of mapping, offset=, keys=, dimensions= and by=, found several")
        if self.offset is not None:
            return _mapping_of(self.offset)
        if self.keys is not None:
            return FixedKeys(keys=tuple(self.keys))
        return self.mapping if isinstance(self.mapping, Along | Listed | None) else _mapping_of(self.mapping)

    @property
    def along_dimensions(self) -> dict[str, PlainMapping]:
        """What was said of single dimensions. Raises DefinitionError as `how` does."""
        assert self.dimensions is None or self.how is None
        return {name: _mapping_of(word) for name, word in (self.dimensions or {}).items()}


def _mapping_of(word: object) -> PlainMapping:
    match word:
        case "last":
            return Last()
        case "all":
            return All()
        case bool():
            pass
        case int():
            return Offset(by=word)
        case list() | tuple() if all(isinstance(key, str) for key in word):
            return FixedKeys(keys=tuple(word))
        case _ if isinstance(word, PlainMapping):
            return word
    raise DefinitionError(f'From: expected "last", "all", a number of partitions or a list of keys, found {word!r}')


Upstream = Asset[..., Any] | OutputOf | From | str
"""What may stand for an upstream asset: the decorated function, one of its outputs, a key, or From(…)."""


class Task(Decorated, Generic[P, R]):
    """A typed function that can be run; a workflow that calls it, or `asset`, gives its output a name."""

    decorator: ClassVar[str] = "task"

    def __init__(self, function: Callable[P, R], options: TaskOptions, step: str = "") -> None:
        self._function = undecorated(function, self.decorator)
        self.options = options
        self.step = step or function.__name__
        update_wrapper(self, function)

    @property
    def function(self) -> Callable[P, R]:
        """What it runs."""
        return _meant(self._function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function; in a workflow's body, make a step that will."""
        composition = composing()
        if composition is None:
            return self.function(*args, **kwargs)
        return cast("R", composition.call(self, args, kwargs))

    def map(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Call it for every element of what is marked `each(…)` (`latewood.mapping`); the results in their order."""
        return cast("list[R]", self.mapped(args, kwargs, 1.0))

    def partly(self, *, min_success_ratio: float) -> "Partly[P, R]":
        """The same task, for a map that may fail for some elements: `score.partly(min_success_ratio=0.9).map(…)`."""
        require_ratio(min_success_ratio)
        return Partly(self, min_success_ratio)

    def mapped(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], min_success_ratio: float) -> Any:
        """What `map` returns: a list, in a workflow's body the promise of one."""
        composition = composing()
        if composition is None:
            return mapped(self.function, args, kwargs, min_success_ratio)
        return composition.map(self, args, kwargs, min_success_ratio)

    def named(self, step: str) -> "Task[P, R]":
        """The same task, for a call whose step has this name."""
        return Task(self._function, self.options, step)

    def asset(self, *, parameters: Mapping[str, Any] | None = None, **options: Unpack[AssetOptions]) -> Asset[P, R]:
        """The task's output as an asset, with these parameter values; reuse is by task, not by asset."""
        return Asset(self._function, cast("AssetOptions", {**self.options, **options}), parameters)


class Partly(Generic[P, R]):
    """A task whose map succeeds where so large a share of its calls does."""

    def __init__(self, task: Task[P, R], min_success_ratio: float) -> None:
        self._task = task
        self._min_success_ratio = min_success_ratio

    def map(self, *args: P.args, **kwargs: P.kwargs) -> list[R | None]:
        """As the task's; None where it failed."""
        return cast("list[R | None]", self._task.mapped(args, kwargs, self._min_success_ratio))


class Check(Decorated, Generic[P, R]):
    """A function that gives a verdict on an asset's content."""

    decorator: ClassVar[str] = "check"

    def __init__(self, function: Callable[P, R], asset: Upstream, options: CheckOptions) -> None:
        self.function = undecorated(function, self.decorator)
        self.asset = asset
        self.options = options
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function."""
        return self.function(*args, **kwargs)


class Observer(Decorated, Generic[P, R]):
    """A function that looks at an external asset; call it like the function it is."""

    decorator: ClassVar[str] = "observe"

    def __init__(self, function: Callable[P, R], asset: "Upstream", options: TaskOptions) -> None:
        self.function = undecorated(function, self.decorator)
        self.asset = asset
        self.options = options
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the plain function."""
        return self.function(*args, **kwargs)


@overload
def asset(function: Callable[P, R], /) -> Asset[P, R]: ...
@overload
def asset(**options: Unpack[AssetOptions]) -> Callable[[Callable[P, R]], Asset[P, R]]: ...
def asset(
    function: Callable[P, R] | None = None, /, **options: Unpack[AssetOptions]
) -> Asset[P, R] | Callable[[Callable[P, R]], Asset[P, R]]:
    """Make the decorated function's result a versioned asset.

    Its parameters say what it needs: a positional one names an upstream asset, a keyword-only one is a run
    parameter, and one annotated TimeWindow, PartitionKey, PartitionRange, Context or a resource's class receives that.
    """
    if function is not None:
        return Asset(function, options)
    return lambda decorated: Asset(decorated, options)


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Callable[P, R]], Task[P, R]]: ...
def task(
    function: Callable[P, R] | None = None, /, **options: Unpack[TaskOptions]
) -> Task[P, R] | Callable[[Callable[P, R]], Task[P, R]]:
    """Make the decorated function a task: typed, reusable, without a name for its output yet."""
    if function is not None:
        return Task(function, options)
    return lambda decorated: Task(decorated, options)


def check(asset: Upstream, /, **options: Unpack[CheckOptions]) -> Callable[[Callable[P, R]], Check[P, R]]:
    """Make the decorated function a check of `asset`: its first parameter receives the value.

    It returns a CheckResult or a bool. While a *blocking* check fails, the version does not become head and
    nothing downstream runs.
    """
    require_subject(asset, "check")
    return lambda decorated: Check(decorated, asset, options)


@dataclass(frozen=True, slots=True)
class AssetGroup:
    """Assets that belong together: a group name and what they have in common.

    `prefix` leads their keys; tags are merged, owners and kinds are added.
    """

    name: str
    prefix: str = ""
    owners: Iterable[str] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: Iterable[str] = ()
    partitions: Scheme | None = None

    @overload
    def asset(self, function: Callable[P, R], /) -> Asset[P, R]: ...
    @overload
    def asset(self, /, **options: Unpack[AssetOptions]) -> Callable[[Callable[P, R]], Asset[P, R]]: ...
    def asset(
        self, function: Callable[P, R] | None = None, /, **options: Unpack[AssetOptions]
    ) -> Asset[P, R] | Callable[[Callable[P, R]], Asset[P, R]]:
        """Like the decorator `asset`, in this group."""
        if function is not None:
            return Asset(function, self.options_of(function, options))
        return lambda decorated: Asset(decorated, self.options_of(decorated, options))

    def options_of(self, function: Callable[..., Any], options: AssetOptions) -> AssetOptions:
        """What an asset of this group is told that is told this."""
        merged: AssetOptions = {
            "group": self.name,
            **options,
        }
        # A bare text would fall apart into its letters: left as it is, so that loading can refuse it.
        if not any(isinstance(owners, str) for owners in (self.owners, options.get("owners"))):
            merged["owners"] = (*self.owners, *options.get("owners", ()))
        if not any(isinstance(kinds, str) for kinds in (self.kinds, options.get("kinds"))):
            merged["kinds"] = (*self.kinds, *options.get("kinds", ()))
        merged.setdefault("owners", self.owners)
        merged.setdefault("kinds", self.kinds)
        merged["tags"] = {**self.tags, **options.get("tags", {})}
        if self.prefix:
            merged["key"] = f"{self.prefix}/{options.get('key', function.__name__)}"
        if self.partitions is not None:
            merged.setdefault("partitions", self.partitions)
        return merged


class Definitions:
    """What a module defines, when it is not simply all its attributes: name it `definitions` in the module."""

    def __init__(
        self,
        *,
        assets: Iterable[Asset[..., Any]] = (),
        checks: Iterable[Check[..., Any]] = (),
        workflows: Iterable[Workflow[..., Any]] = (),
        launch_plans: Iterable[LaunchPlan] = (),
        observers: Iterable[Observer[..., Any]] = (),
        tasks: Iterable[Task[..., Any]] = (),
        automations: Iterable[Automation] = (),
    ) -> None:
        self.assets = tuple(assets)
        self.checks = tuple(checks)
        self.workflows = tuple(workflows)
        self.launch_plans = tuple(launch_plans)
        self.observers = tuple(observers)
        self.tasks = tuple(tasks)
        self.automations = tuple(automations)
