"""Calling sensors, the same way as a task is called, and what they answer."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from latewood.context import RunRequest, SensorContext
from latewood.decide.sensors import answer_of
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.signature import parse_parameter
from latewood.engine.running.calls import Raised, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.worker_protocol import Failed, Sense, Sensed
from latewood.engine.values.recordable import failed_with, text
from latewood.engine.values.redaction import redacted_json
from latewood.errors import ValueRefused
from latewood.events import Failure, FailureKind
from latewood_eventlog.codec import unheld


def call_sensor(loaded: Loaded, resources: OpenResources, sense: Sense) -> Sensed | Failed:
    """What the sensor answers; one that says what cannot be recorded has failed."""
    live = loaded.sensors[sense.sensor]
    context = SensorContext(now=sense.now, cursor=sense.cursor, last_run=sense.last_run, run=sense.run)
    function = resources.calling(live)

    def said(**arguments: Any) -> list[object]:
        return _listed(function(**arguments))  # what a generator does belongs to the call

    outcome = call(said, dict.fromkeys(live.inputs, context), timeout=timedelta(seconds=sense.timeout_s))
    if isinstance(outcome, Raised):
        return Failed(failure=outcome.failure, logs=outcome.output, duration_ms=outcome.duration_ms)
    try:
        answer = answer_of(outcome.value)
        requests = tuple(map(_recordable, answer.requests))
        if answer.cursor is not None:
            _refuse_unheld("cursor", answer.cursor)
    except ValueRefused as error:
        failure = Failure(kind=FailureKind.REFUSED, error=type(error).__name__, message=text(str(error)))
        return Failed(failure=failure, logs=outcome.output, duration_ms=outcome.duration_ms)
    return Sensed(requests=requests, cursor=answer.cursor, skipped=text(answer.skipped), logs=outcome.output)


def _listed(said: object) -> list[object]:
    """What was returned or yielded, one by one."""
    if isinstance(said, Iterable) and not isinstance(said, str | bytes):
        return list(said)
    return [said]


def _recordable(request: RunRequest) -> RunRequest:
    """The request with its parameters as JSON. Raises ValueRefused."""
    _refuse_unheld("run_key", request.run_key)
    try:
        values = {name: parse_parameter(name, Any, value) for name, value in request.parameters.items()}
    except Exception as error:  # a user's object that fails when it is looked at
        raise ValueRefused(f'parameters of "{request.run_key}": {failed_with(error)}') from error
    _refuse_unheld(f'parameters of "{request.run_key}"', values)
    return replace(request, parameters=values)


def _refuse_unheld(what: str, value: object) -> None:
    if found := unheld(value):
        raise ValueRefused(f"{what}: expected what can be recorded, found {found}")
    if redacted_json(value) != value:
        raise ValueRefused(f"{what}: expected what may be recorded, found the value of a secret")
