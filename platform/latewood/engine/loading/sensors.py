"""Sensors of a module: their signatures, and what a deployment records of them."""

import inspect
import typing
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from latewood.automation import Sensor, SensorOptions
from latewood.context import SensorContext
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.options import documented
from latewood.engine.loading.problems import told_as_problem
from latewood.engine.loading.signature import LiveTask, resource_class
from latewood.errors import DefinitionError
from latewood.events import RunStatus
from latewood.model.automations import SensorDefinition

_INTERVAL_MIN: Final = timedelta(seconds=1)
_TIMEOUT: Final = timedelta(minutes=1)
_ENDS: Final = (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.INTERRUPTED)


@told_as_problem
def define_sensor(
    sensor: Sensor, selection: str, launch: str, environments: tuple[str, ...], inspector: Inspector
) -> tuple[SensorDefinition, LiveTask]:
    """The definition of a sensor whose target is known, and its live function. Raises DefinitionError."""
    options = sensor.options
    if unknown := sorted(options.keys() - SensorOptions.__annotations__.keys()):
        raise DefinitionError(f"{unknown[0]} is no option of a sensor: {', '.join(SensorOptions.__annotations__)}")
    watch = _watched(options.get("watch", ()))
    if not watch and not (selection or launch):
        raise DefinitionError(
            'expected a target, as in @sensor("orders", …): without one only those that watch are called'
        )
    definition = SensorDefinition(
        name=sensor.name,
        selection=selection,
        launch=launch,
        interval_s=_interval(options.get("interval"), watch),
        watch=watch,
        timeout_s=_seconds("timeout", options.get("timeout", _TIMEOUT)),
        code=inspector.code_version(sensor.function).version,
        environments=environments,
        description=options.get("description", documented(sensor.function)),
    )
    return definition, _live(sensor.function)


def _watched(said: object) -> tuple[str, ...]:
    given = (said,) if isinstance(said, str) else tuple(said) if isinstance(said, Iterable) else (said,)
    if unknown := [word for word in given if word not in list(_ENDS)]:
        raise DefinitionError(f"watch: expected {', '.join(_ENDS)} or several of these, found {unknown[0]!r}")
    return tuple(str(RunStatus(word)) for word in given)


def _interval(said: object, watch: tuple[str, ...]) -> float:
    if said is None and watch:
        return 0.0
    if said is None:
        raise DefinitionError("expected an interval, as in interval=timedelta(minutes=1), or watch=…; found neither")
    seconds = _seconds("interval", said)
    if seconds < _INTERVAL_MIN.total_seconds():
        raise DefinitionError(f"interval: expected at least {_INTERVAL_MIN.total_seconds():g} s, found {seconds:g} s")
    return seconds


def _seconds(option: str, said: object) -> float:
    if not isinstance(said, timedelta) or said <= timedelta():
        raise DefinitionError(f"{option}: expected a timedelta above zero, found {said!r}")
    return said.total_seconds()


def _live(function: Callable[..., Any]) -> LiveTask:
    """The function with what it asks for. Raises DefinitionError."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError("a sensor is no coroutine: expected a plain function, or a generator")
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # evaluating annotations runs user code
        raise DefinitionError(f"annotations cannot be read: {type(error).__name__}: {error}") from error
    contexts, resources = {}, {}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation = hints.get(name)
        if (resource := resource_class(annotation)) is not None:
            resources[name] = resource
        elif annotation is SensorContext:
            contexts[name] = annotation
        elif parameter.default is parameter.empty:
            raise DefinitionError(
                f'parameter "{name}": expected it to be annotated SensorContext, or a class of resources'
            )
    return LiveTask(
        function=function,
        inputs=contexts,
        parameters={},
        receives={},
        returns=hints.get("return", Any),
        outputs={},
        resources=resources,
    )
