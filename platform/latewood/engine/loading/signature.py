"""What a function's signature says: inputs, run parameters, and what else it wants to receive."""

import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

import msgspec

from latewood.context import Context, Output
from latewood.engine.loading.problems import told_as_problem
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.set_order import in_one_order
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.definitions import Parameter, Receives
from latewood.model.grids import GridKey
from latewood.model.keys import PartitionKey
from latewood.model.partitions import PartitionRange, TimeWindow
from latewood.model.types import display
from latewood.sharing import unresolved_by

if TYPE_CHECKING:
    from pydantic import TypeAdapter  # start-up: plain parameters do without it

    from latewood.resources import Resource  # start-up: it imports pydantic

_RECEIVED: Final[dict[Any, Receives]] = {
    Context: "context",
    TimeWindow: "window",
    PartitionKey: "key",
    GridKey: "grid key",
    PartitionRange: "range",
}

BEFORE_THE_STAR: Final = "move it before the star"
"""Where a function's parameter belongs that is an asset's value."""

_SCALARS: Final = {int: "integer", float: "number", str: "string", bool: "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTask:
    """A function that can be called, with the annotations its values are held against."""

    function: Callable[..., Any]
    inputs: Mapping[str, Any]
    parameters: Mapping[str, Any]
    receives: Mapping[str, Receives]
    returns: Any
    outputs: Mapping[str, Any]
    resources: Mapping[str, "type[Resource]"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A function's parameters by what they stand for, with their live annotations."""

    inputs: Mapping[str, Any]
    parameters: tuple[Parameter, ...]
    annotations: Mapping[str, Any]
    receives: Mapping[str, Receives]
    returns: Any
    resources: Mapping[str, "type[Resource]"] = field(default_factory=dict)

    @property
    def given(self) -> frozenset[str]:
        """The parameters that the run gives a value: what it receives, and resources."""
        return frozenset((*self.receives, *self.resources))


@told_as_problem
def read_signature(function: Callable[..., Any]) -> Signature:
    """Raises DefinitionError for a signature that cannot be a task's: says which parameter and why."""
    if (unresolved := unresolved_by(function)) is not None:
        raise DefinitionError(unresolved.message)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(inspect.unwrap(function)):
        raise DefinitionError("a coroutine or generator has no value to store: return one from a plain function")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # evaluating annotations runs user code: a name may be missing, anything may be raised
        raise DefinitionError(f"annotations cannot be read: {type(error).__name__}: {error}") from error
    inputs: dict[str, Any] = {}
    parameters: list[Parameter] = []
    receives: dict[str, Receives] = {}
    resources: dict[str, type[Resource]] = {}
    annotations: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = hints.get(name, Any)
        received = _received(annotation)
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise DefinitionError(
                f'parameter "{parameter}": a task names everything it reads, so *args and **kwargs cannot be'
            )
        if received is not None:
            receives[name] = received
        elif (resource := resource_class(annotation)) is not None:
            resources[name] = resource
        elif parameter.kind is parameter.KEYWORD_ONLY:
            annotations[name] = annotation
            parameters.append(parameter_of(name, annotation, parameter.default))
        else:
            inputs[name] = annotation
    return Signature(
        inputs=inputs,
        parameters=tuple(parameters),
        annotations=annotations,
        receives=receives,
        resources=resources,
        returns=_returned(hints.get("return", Any)),
    )


def parse_parameter(name: str, annotation: Any, value: Any, place: Callable[[PurePath], PurePath] | None = None) -> Any:
    """The parameter's value as JSON, from JSON or from a command line's text. Raises ValueRefused.

    Equal values give equal JSON in every process, and JSON that reads back: it decides what is reused.
    Relative paths are so to the project's root; `place` makes them, where the value comes from elsewhere.
    """
    if type(value) is annotation and annotation in _SCALARS:
        return without_infinities(value)
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - start-up: only runs with parameters need it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - likewise

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except PydanticUserError:
        raise ValueRefused(
            f'parameter "{name}": expected text, or JSON; nothing makes {_shown(annotation)} of it'
        ) from None
    candidates = [value]
    if isinstance(value, str):
        with suppress(msgspec.DecodeError):  # plain text is a value too
            candidates.append(msgspec.json.decode(value))
    first: ValidationError | None = None
    for candidate in candidates:
        try:
            valid = adapter.validate_python(candidate)
            if place is not None:
                valid = _placed(adapter, valid, place)
            return without_infinities(in_one_order(adapter.dump_python(valid, mode="json"), valid))
        except ValidationError as error:
            first = first or error
    assert first is not None, "either a candidate was returned or one was refused"
    shown = first.errors()[0]["msg"]
    raise ValueRefused(f'parameter "{name}": expected {_shown(annotation)}, found {value!r}: {shown}')


def without_infinities(value: Any) -> Any:
    """The JSON value with the numbers that JSON lacks as text: a definition read from the log would hold null."""
    match value:
        case list():
            return list(map(without_infinities, value))
        case dict():
            return {name: without_infinities(part) for name, part in value.items()}
        case float() if not isfinite(value):
            return str(value)
    return value


def fixed_parameters(annotations: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The values that were fixed with an asset, as JSON. Raises DefinitionError."""
    try:
        return {name: parse_parameter(name, annotations[name], value) for name, value in fixed.items()}
    except ValueRefused as error:
        raise DefinitionError(str(error)) from None


def live_parameter(annotation: Any, value: Any, root: Path) -> Any:
    """The value a function receives for a parameter's JSON value; relative paths are below `root`."""
    if annotation in _SCALARS or annotation is Any:
        return float(value) if annotation is float and value is not None else value
    from pydantic import TypeAdapter  # noqa: PLC0415 - start-up: plain parameters do without it

    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    return _placed(adapter, adapter.validate_python(value), root.__truediv__)


def _placed(adapter: "TypeAdapter[Any]", live: Any, place: Callable[[PurePath], PurePath]) -> Any:
    """The value with each path in it, however deep, replaced by another one."""

    def placed(plain: Any) -> Any:
        match plain:
            case PurePath():
                return place(plain)
            case dict():
                return {placed(key): placed(part) for key, part in plain.items()}
        kind = next((kind for kind in (list, tuple, set, frozenset) if isinstance(plain, kind)), None)
        return plain if kind is None else kind(map(placed, plain))

    try:
        plain = adapter.dump_python(live)
    except TypeError:  # a set of records: as dicts they have no hash. Paths inside records are refused on loading
        return live
    moved = placed(plain)
    return live if moved == plain else adapter.validate_python(moved)


def _returned(annotation: Any) -> Any:
    """The value's annotation: that of what an Output carries."""
    return typing.get_args(annotation)[0] if typing.get_origin(annotation) is Output else annotation


def _received(annotation: Any) -> Receives | None:
    try:
        return _RECEIVED.get(annotation)
    except TypeError:  # an unhashable annotation is none of ours
        return None


def resource_class(annotation: Any) -> "type[Resource] | None":
    """The annotation if it is a class of resources. Raises DefinitionError for their base, which configures nothing."""
    module = sys.modules.get("latewood.resources")  # whoever has a class of them has imported it
    if module is None or not (isinstance(annotation, type) and issubclass(annotation, module.Resource)):
        return None
    if annotation is module.Resource:
        raise DefinitionError("a parameter annotated Resource could be any: annotate it with a class of your own")
    return annotation


@told_as_problem
def parameter_of(name: str, annotation: Any, default: Any, *, instead: str = BEFORE_THE_STAR) -> Parameter:
    """A run parameter; required where its default is `inspect.Parameter.empty`.

    Raises DefinitionError; for what nobody can write on a command line it says what to do `instead`.
    """
    required = default is inspect.Parameter.empty
    spec, json_schema = type_spec(annotation), _json_schema(name, annotation, instead)
    try:
        value = None if required else parse_parameter(name, annotation, default)
    except ValueRefused as error:
        raise DefinitionError(f"default of {error}") from None
    return Parameter(
        name=name,
        type=spec,
        json_schema=json_schema,
        default=value,
        required=required,
    )


def _json_schema(name: str, annotation: Any, instead: str) -> dict[str, Any]:
    if annotation in _SCALARS:
        return {"type": _SCALARS[annotation]}
    if annotation is Any:
        return {}
    from pydantic import TypeAdapter  # noqa: PLC0415 - start-up: plain parameters do without it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - likewise

    try:
        return TypeAdapter(annotation).json_schema()
    except PydanticUserError:
        spec = type_spec(annotation)
        what = "a table" if spec.kind in ("table", "dataframe") else display(spec)
        raise DefinitionError(f'parameter "{name}": {what} is no run parameter; {instead}') from None


def _shown(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or str(annotation)
