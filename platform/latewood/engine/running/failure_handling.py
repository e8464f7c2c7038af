"""Failure handlers: a workflow's task that hears, once after a run, which of the workflow's steps failed."""

from collections.abc import Sequence
from contextlib import suppress

from latewood.context import FailedStep, WorkflowFailure
from latewood.decide.plan import Step
from latewood.engine.loading.loader import Loaded
from latewood.engine.loading.signature import live_parameter
from latewood.engine.running.calls import Raised, call
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.recorder import Recorder
from latewood.engine.storage.store import ArtifactStore, Staged
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.events import Failure, FailureHandled
from latewood.model.keys import RunId
from latewood.model.workflows import WorkflowDefinition


def handle_failures(
    failures: Sequence[tuple[Step, Failure]],
    *,
    loaded: Loaded,
    resources: OpenResources,
    run: RunId,
    recorder: Recorder,
    store: ArtifactStore,
) -> tuple[FailureHandled, ...]:
    """Call the handlers of the workflows that failed, in order of names, and record how that went.

    What failed is durable before. A handler that fails is recorded too, and hides nothing: the run has failed already.
    """
    handled = []
    for definition in loaded.launchables:
        if not isinstance(definition, WorkflowDefinition) or definition.on_failure is None:
            continue
        own = [(step, failure) for step, failure in failures if _workflow_of(step) == definition.name]
        if own:
            handled.append(_handle(definition, own, loaded, resources, run=run, recorder=recorder, store=store))
    return tuple(handled)


def _workflow_of(step: Step) -> str:
    membership = step.task.node.assets[0].step_of
    return "" if membership is None else membership.workflow


def _handle(
    definition: WorkflowDefinition,
    failures: Sequence[tuple[Step, Failure]],
    loaded: Loaded,
    resources: OpenResources,
    *,
    run: RunId,
    recorder: Recorder,
    store: ArtifactStore,
) -> FailureHandled:
    task, live = definition.on_failure, loaded.handlers[definition.name]
    assert task is not None, "asked for before"
    steps = tuple(
        FailedStep(assets=step.task.node.keys, error=f.error, message=f.message, traceback=f.traceback)
        for step, f in failures
    )
    arguments = {name: WorkflowFailure(workflow=definition.name, run_id=run, steps=steps) for name in live.inputs}
    values = {p.name: live_parameter(live.parameters[p.name], p.default, loaded.root) for p in task.parameters}
    outcome = call(resources.calling(live), {**arguments, **values}, timeout=task.timeouts.running)
    logs: Staged | None = None
    with suppress(StoreError):  # a store that cannot write may be what the handler was called for
        logs = Values(store).stage_logs(outcome.output)
    fact = FailureHandled(
        run=run,
        workflow=definition.name,
        task=task.name,
        code=task.code.version,
        steps=tuple(step.number for step, _ in failures),
        duration_ms=outcome.duration_ms,
        failure=outcome.failure if isinstance(outcome, Raised) else None,
        logs=logs.address if logs else "",
    )
    recorder.tell((fact, ("handled", definition.name)), needs=[logs] if logs else ())
    return fact
