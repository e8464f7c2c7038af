"""What the step in which a function is called tells the command that it stands for, and hears of it besides a value."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from latewood.context import CheckResult, Context
from latewood.engine.loading.loaded import Loaded
from latewood.errors import UsageError
from latewood.model.code import CodeVersion
from latewood.model.column_sources import ColumnSources
from latewood.model.keys import AssetKey, PartitionKey, RunId
from latewood.model.policies import Resources


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTold:
    """The attempt of a step.

    `read` are the data versions behind each input, by partition; `outputs` the annotations of those that are wanted,
    of which the `optional` ones may be left out. `version` is the code as it was `loaded`. `hidden` are variables that
    the location does not see; `resources` are what it may take. `verdicts` is where those of reported checks go, by
    output and check, `column_sources` where a query says of an output what its columns come from.
    """

    function: Callable[..., Any]
    context: Context
    run: RunId
    step: int
    attempt: int
    assets: tuple[AssetKey, ...]
    partition: PartitionKey
    read: Mapping[str, tuple[tuple[PartitionKey, str], ...]]
    outputs: Mapping[str, Any]
    optional: frozenset[str]
    loaded: Loaded
    version: CodeVersion
    hidden: frozenset[str]
    resources: Resources = field(default_factory=Resources)
    column_sources: dict[str, tuple[ColumnSources, ...]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, CheckResult]] = field(default_factory=dict)


_TOLD: Final[ContextVar[StepTold | None]] = ContextVar("told", default=None)


@contextmanager
def telling(told: StepTold) -> Iterator[None]:
    """The function that is called in the block is called for this step."""
    token = _TOLD.set(told)
    try:
        yield
    finally:
        _TOLD.reset(token)


def told_to(function: Callable[..., Any]) -> StepTold | None:
    """What the command behind the function is told; None where it is called by itself, in a test say.

    Raises UsageError where another function of a step calls it: its files would be no part of that one's code.
    """
    told = _TOLD.get()
    if told is not None and told.function is not function:
        raise UsageError(
            f"{getattr(function, '__name__', function)}() stands for a command or a query, and is called by another "
            "task, whose code version knows nothing of it: make it a task or an asset of its own"
        )
    return told
