"""A decorated function as a task: its definition without inputs and outputs, and what an executor calls."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from latewood.authoring import TaskOptions
from latewood.engine.code.inspection import Inspector
from latewood.engine.loading.signature import LiveTask, Signature
from latewood.errors import DefinitionError
from latewood.model.definitions import TaskDefinition, UsedResource
from latewood.model.policies import Resources, Retry, Reuse, Timeouts


def bare_task(
    function: Callable[..., Any], options: TaskOptions, signature: Signature, inspector: Inspector
) -> TaskDefinition:
    """The function's definition as its options and signature say. Raises DefinitionError."""
    retries, timeouts = options.get("retries", 0), options.get("timeouts")
    unkeyed = frozenset(options.get("unkeyed", ()))
    unknown = unkeyed - {parameter.name for parameter in signature.parameters}
    if unknown:
        raise DefinitionError(f"unkeyed names {', '.join(sorted(unknown))}, which is no run parameter")
    return TaskDefinition(
        name=options.get("name", f"{function.__module__}:{function.__qualname__}"),
        code=inspector.code_version(function, options.get("code_version")),
        parameters=tuple(replace(p, in_key=False) if p.name in unkeyed else p for p in signature.parameters),
        receives=tuple(signature.receives.items()),
        uses=tuple(
            UsedResource(parameter=name, resource=cls.__resource_name__, unkeyed=cls.__unkeyed__)
            for name, cls in sorted(signature.resources.items())
        ),
        outputs=(),
        reuse=Reuse.of(options.get("reuse", True)),
        retries=retries if isinstance(retries, Retry) else Retry(retries),
        timeouts=Timeouts(running=timeouts) if isinstance(timeouts, timedelta) else timeouts or Timeouts(),
        resources=options.get("resources", Resources()),
        pool=options.get("pool", ""),
        priority=options.get("priority", 0),
        image=options.get("image", ""),
    )


def live_task(function: Callable[..., Any], signature: Signature, outputs: Mapping[str, Any]) -> LiveTask:
    """The function as an executor calls it; `outputs` are the annotations of its outputs."""
    return LiveTask(
        function=function,
        inputs=signature.inputs,
        parameters=signature.annotations,
        receives=signature.receives,
        returns=signature.returns,
        resources=signature.resources,
        outputs=outputs,
    )
