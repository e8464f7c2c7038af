"""Failure handlers: a workflow's task that hears, once after a run, which of the workflow's steps failed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from latewood.context import FailedStep, WorkflowFailure
from latewood.decide.plan import Step
from latewood.engine.loading.loaded import Loaded
from latewood.engine.running.calls import Raised, Returned
from latewood.engine.running.handler_calls import call_handler
from latewood.engine.running.opened import OpenResources
from latewood.engine.running.recorder import Recorder
from latewood.engine.running.turns import Turns
from latewood.engine.storage.store import ArtifactStore, Staged
from latewood.engine.values.values import Values
from latewood.errors import StoreError
from latewood.events import Failure, FailureHandled
from latewood.model.definitions import TaskDefinition
from latewood.model.keys import RunId
from latewood.model.workflows import Launchable, WorkflowDefinition


def handle_failures(
    failures: Sequence[tuple[Step, Failure]],
    *,
    loaded: Loaded,
    resources: OpenResources,
    run: RunId,
    recorder: Recorder,
    store: ArtifactStore,
    turns: Turns,
) -> tuple[FailureHandled, ...]:
    """Call the handlers of the workflows that failed, in order of names, and record how that went.

    What failed is durable before. A handler that fails is recorded too, and hides nothing: the run has failed already.
    """
    handled = []
    for failed in failed_workflows(loaded.launchables, failures):
        turns.enter(failed.handler, f"on failure of {failed.name}")
        outcome = call_handler(loaded, resources, failed.told(run))
        turns.leave()
        handled.append(tell_handled(failed, outcome, run=run, recorder=recorder, values=Values(store)))
    return tuple(handled)


class FailedWorkflow(NamedTuple):
    """A workflow of which steps failed, and that has a task to hear of it."""

    name: str
    handler: TaskDefinition
    failures: Sequence[tuple[Step, Failure]]

    def told(self, run: RunId) -> WorkflowFailure:
        """What the handler receives."""
        steps = tuple(
            FailedStep(assets=step.task.node.keys, error=f.error, message=f.message, traceback=f.traceback)
            for step, f in self.failures
        )
        return WorkflowFailure(workflow=self.name, run_id=run, steps=steps)


def failed_workflows(
    launchables: Iterable[Launchable], failures: Sequence[tuple[Step, Failure]]
) -> Iterator[FailedWorkflow]:
    """Those whose handlers are to hear of these failures."""
    for definition in launchables:
        if isinstance(definition, WorkflowDefinition) and definition.on_failure is not None:
            own = [(step, failure) for step, failure in failures if _workflow_of(step) == definition.name]
            if own:
                yield FailedWorkflow(definition.name, definition.on_failure, own)


def _workflow_of(step: Step) -> str:
    membership = step.task.node.assets[0].step_of
    return "" if membership is None else membership.workflow


def tell_handled(
    failed: FailedWorkflow, outcome: Returned | Raised, *, run: RunId, recorder: Recorder, values: Values
) -> FailureHandled:
    """Record that the handler was called, and how that went."""
    logs: Staged | None = None
    with suppress(StoreError):  # a store that cannot write may be what the handler was called for
        logs = values.stage_logs(outcome.output)
    fact = FailureHandled(
        run=run,
        workflow=failed.name,
        task=failed.handler.name,
        code=failed.handler.code.version,
        steps=tuple(step.number for step, _ in failed.failures),
        duration_ms=outcome.duration_ms,
        failure=outcome.failure if isinstance(outcome, Raised) else None,
        logs=logs.address if logs else "",
    )
    recorder.tell((fact, ("handled", failed.name)), needs=[logs] if logs else ())
    return fact
