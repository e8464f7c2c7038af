"""Calling workflows' failure handlers, the same way as a task is called."""

from latewood.context import WorkflowFailure
from latewood.engine.loading.loaded import Loaded
from latewood.engine.loading.signature import live_parameter
from latewood.engine.running.calls import Raised, Returned, call
from latewood.engine.running.opened import OpenResources
from latewood.model.definitions import TaskDefinition
from latewood.model.workflows import WorkflowDefinition


def handler_of(loaded: Loaded, workflow: str) -> TaskDefinition:
    """The workflow's handler; it has one."""
    for definition in loaded.launchables:
        if isinstance(definition, WorkflowDefinition) and definition.name == workflow and definition.on_failure:
            return definition.on_failure
    raise AssertionError("asked for before")


def call_handler(loaded: Loaded, resources: OpenResources, failure: WorkflowFailure) -> Returned | Raised:
    """Call the handler of the workflow."""
    task, live = handler_of(loaded, failure.workflow), loaded.handlers[failure.workflow]
    arguments = dict.fromkeys(live.inputs, failure)
    values = {p.name: live_parameter(live.parameters[p.name], p.default, loaded.root) for p in task.parameters}
    return call(resources.calling(live), {**arguments, **values}, timeout=task.timeouts.once)
