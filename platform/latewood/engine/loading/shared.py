"""Stand-ins for functions whose code is another location's: as they were recorded, and not to be called here."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, NoReturn, cast

from msgspec.structs import replace

from latewood.context import Context, Partitioned
from latewood.engine.loading.naming import RESULT
from latewood.engine.values.recorded_types import annotation_of, recorded_annotation
from latewood.errors import UsageError
from latewood.model.definitions import BareTask, Output, Receives, SharedFrom, TaskDefinition, TaskInput
from latewood.model.grids import GridKey
from latewood.model.keys import PartitionKey
from latewood.model.partitions import PartitionRange, TimeWindow
from latewood.model.types import ANY, display, fits
from latewood.sharing import Reference, Resolve, unresolved

_SHARED: Final = "__latewood_shared__"

_RECEIVED: Final[dict[Receives, Any]] = {
    "context": Context,
    "window": TimeWindow,
    "key": PartitionKey,
    "grid key": GridKey,
    "range": PartitionRange,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A task of another location: what was recorded of it, and where it is from."""

    bare: BareTask
    source: SharedFrom

    @property
    def reference(self) -> Reference:
        """How it was referred to."""
        source = self.source
        return Reference(location=source.location, name=source.name, project=source.project, version=source.version)

    @property
    def definition(self) -> TaskDefinition:
        """The task as something made by it records it, but for inputs, outputs and parameters."""
        return replace(self.bare.task, shared=self.source)


def stand_in(shared: Shared) -> Callable[..., Any]:
    """A function with the signature of the task's, and nothing behind it.

    Resources are left out: who runs it gives them.
    """

    def function(*_: Any, **__: Any) -> NoReturn:
        raise UsageError(
            f"{shared.source}: the code is another location's and cannot be called here; "
            "make an asset of the task, or call it in a workflow's body"
        )

    parameters = [
        *_inputs(shared.bare),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=_RECEIVED[kind])
            for name, kind in shared.bare.task.receives
        ),
        *(
            inspect.Parameter(
                parameter.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if parameter.required else parameter.default,
                annotation=recorded_annotation(parameter.type, annotation_of(parameter)),
            )
            for parameter in shared.bare.task.parameters
        ),
    ]
    returns = _returns(shared.bare)
    function.__name__ = function.__qualname__ = shared.bare.name
    function.__doc__ = shared.bare.description
    function.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": returns}
    function.__signature__ = inspect.Signature(parameters, return_annotation=returns)  # type: ignore[attr-defined]  # inspect asks for it
    setattr(function, _SHARED, shared)
    return function


def shared_by(function: Callable[..., Any]) -> Shared | None:
    """The task of another location that the function stands for, if it does."""
    found = getattr(function, _SHARED, None)
    return found if isinstance(found, Shared) else None


def faults_of_outputs(shared: Shared, outputs: Iterable[Output]) -> list[str]:
    """What is expected of the task's result that it does not have, a message each."""
    parts = {field.name: field.type for field in shared.bare.outputs}
    faults = []
    for output in outputs:
        produced = parts.get(output.name, shared.bare.returns if output.name == RESULT else None)
        if output.stored is not None:
            faults.append(
                f'output "{output.name}": io= stores what this location\'s own code makes; of {shared.source} read it, '
                "and store what that returns"
            )
        elif produced is None:
            there = f"its parts are {', '.join(parts)}" if parts else "it is no named tuple"
            faults.append(f'output "{output.name}": the result of {shared.source} has no such part; {there}')
        elif misfit := fits(produced, output.type):
            faults.append(
                f'output "{output.name}" is declared {display(output.type)}, but {shared.source} produces '
                f"{display(produced)}: {misfit}"
            )
    return faults


def resolve_recorded(recorded: Iterable[Shared]) -> Resolve:
    """Looks references up among those that were recorded with a deployment, whatever is deployed by now.

    One that is not among them had nothing made by it.
    """
    by_reference = {shared.reference: shared for shared in recorded}

    def resolve(reference: Reference) -> Callable[..., Any]:
        shared = by_reference.get(reference)
        return unresolved(reference) if shared is None else stand_in(shared)

    return resolve


def _inputs(bare: BareTask) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            input_.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if input_.required else input_.default,
            annotation=_annotation(input_),
        )
        for input_ in bare.inputs
    ]


def _annotation(input_: TaskInput) -> Any:
    annotation, several = recorded_annotation(input_.type), cast("Any", Partitioned)
    return several[annotation] if input_.lazy else annotation


def _returns(bare: BareTask) -> Any:
    parts: dict[str, Any] = {field.name: recorded_annotation(field.type) for field in bare.outputs}
    if not parts:
        return recorded_annotation(bare.returns or ANY)
    if next(iter(parts)).isdigit():
        whole: Any = tuple
        return whole[tuple(parts.values())]
    return NamedTuple(bare.name, list(parts.items()))
