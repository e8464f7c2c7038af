"""What is recorded of a step: that it started and what it reads, what it made, that it failed or was skipped."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from latewood.decide.keys import reuse_key
from latewood.decide.plan import Step
from latewood.decide.state import Retraction, State, VersionFacts
from latewood.engine.running.attempt import Made, files_changed
from latewood.engine.running.binding import Blocked, Bound, read_facts
from latewood.engine.running.calls import Raised
from latewood.engine.running.ranged import Due
from latewood.engine.storage.store import ArtifactStore, Staged
from latewood.events import InputRead, OutputMade, StepFailed, StepSkipped, StepStarted, StepSucceeded
from latewood.model.definitions import AssetDefinition, Catalog, UsedResource
from latewood.model.keys import AssetId, RunId, version_id

_VERSIONS_MAX: Final = 24_576
"""Most characters of all inputs' versions in an event: a thousand ranges; usually there is one per input."""


class StepFacts:
    """The facts of one run's steps. They are told by whoever asked for them."""

    def __init__(
        self,
        state: State,
        catalog: Catalog,
        run: RunId,
        store: ArtifactStore,
        root: Path,
        clock: Callable[[], datetime],
    ) -> None:
        self._state = state
        self._catalog = catalog
        self._run = run
        self._store = store
        self._root = root
        self._clock = clock

    def started(self, due: Due, attempt: int) -> tuple[StepStarted, list[Staged]]:
        """An attempt begins; and what its inputs' versions are kept in, where there are too many for an event."""
        step, bound, inputs = due.step, due.bound, due.inputs
        node = step.task.node
        off = node.task.reuse.is_off
        inputs_read, needs = self._inputs_read(bound)
        return StepStarted(
            run=self._run,
            step=step.number,
            attempt=attempt,
            assets=node.ids,
            task=node.task.name,
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            partition=step.partition,
            reuse_key="" if off else reuse_key(node.logic, inputs, step.partition),
            no_reuse="reuse is off" if off else "",
            parameters=dict(node.parameters),
            inputs=inputs_read,
            reasons=tuple(reason.written for reason in step.reasons),
            variant=node.is_variant,
            connector="" if node.task.runs_on is None else node.task.runs_on.connector,
            configurations={use.resource: use.digest for use in (*node.task.uses, *self._loading(bound))},
        ), needs

    def _loading(self, bound: list[Bound]) -> Iterator[UsedResource]:
        """The resources of the IO by which inputs are loaded: they decide no result, but whoever runs this again."""
        for b in bound:
            if b.input.loads and (asset := self._catalog[b.input.asset]).stored is not None:
                yield from (use for use in asset.task.uses if use.parameter.startswith(f"{asset.output}.io."))

    def _inputs_read(self, bound: list[Bound]) -> tuple[dict[str, InputRead], list[Staged]]:
        """What is recorded of the inputs; the longest lists of versions go to the store, by address, till all fit."""
        read = dict(read_facts(bound, self._catalog, self._state))
        needs: list[Staged] = []
        size = sum(len(fact.versions) for fact in read.values())
        for name, fact in sorted(read.items(), key=lambda item: len(item[1].versions), reverse=True):
            if size <= _VERSIONS_MAX:
                break
            staged = self._store.stage(fact.versions.encode(), "versions")
            read[name] = msgspec.structs.replace(fact, versions=f"@{staged.address}")
            needs.append(staged)
            size += len(read[name].versions) - len(fact.versions)
        return read, needs

    def key(self, step: Step, inputs: str, no_reuse: str) -> str:
        """The key under which the result may be found again; empty where it may not."""
        node, contents = step.task.node, self._state.contents_of(step.task.node.keys[0])
        off = (
            node.task.reuse.is_off or bool(no_reuse) or files_changed(node.task, node.parameters, contents, self._root)
        )
        return "" if off else reuse_key(node.logic, inputs, step.partition)

    def succeeded(self, step: Step, attempt: int, inputs: str, made: Made, key: str) -> StepSucceeded:
        """What the step made, with what it was made from; outputs in the order of the assets."""
        node = step.task.node
        outputs = tuple(
            _output(asset, id_, made, variant=node.is_variant)
            for asset, id_ in zip(node.assets, node.ids, strict=True)
            if asset.output in made.outputs
        )
        return StepSucceeded(
            run=self._run,
            step=step.number,
            attempt=attempt,
            environment=self._state.environment,
            code=node.task.code.version,
            logic=node.logic,
            inputs_digest=inputs,
            outputs=outputs,
            duration_ms=made.returned.duration_ms,
            partition=step.partition,
            reuse_key=key,
            logs=made.logs.address if made.logs else "",
        )

    def version(self, fact: StepSucceeded, output: OutputMade) -> VersionFacts:
        """One output as decisions see it."""
        return VersionFacts(
            asset=output.asset,
            partition=fact.partition,
            version=version_id(self._run, fact.step),
            position=0,  # not recorded yet; nothing in this run asks
            made_at=self._clock(),
            duration_ms=fact.duration_ms,
            data_version=output.data_version,
            artifact=output.artifact,
            code=fact.code,
            logic=fact.logic,
            inputs=fact.inputs_digest,
            reuse_key=fact.reuse_key,
            accepted=output.accepted,
        )

    def failed(
        self, step: Step, attempt: int, raised: Raised, retry_at: datetime | None, logs: Staged | None
    ) -> StepFailed:
        """An attempt failed; the next one begins at `retry_at`, if there is one."""
        return StepFailed(
            run=self._run,
            step=step.number,
            attempt=attempt,
            failure=raised.failure,
            duration_ms=raised.duration_ms,
            assets=step.task.node.ids,
            partition=step.partition,
            retry_at=retry_at,
            logs=logs.address if logs else "",
        )

    def skipped(self, step: Step, blocked: Blocked) -> StepSkipped:
        """The step is not run, for want of what it would read."""
        return StepSkipped(
            run=self._run,
            step=step.number,
            reason=blocked.reason,
            assets=step.task.node.ids,
            partition=step.partition,
            because=blocked.because,
        )


def as_retracted(output: OutputMade, found: Retraction | None) -> OutputMade:
    """The output as it is recorded where it equals what was retracted: accepted by nobody."""
    if found is None:
        return output
    return msgspec.structs.replace(output, accepted=False, head=False, retracted=found.version)


def _output(asset: AssetDefinition, id_: AssetId, made: Made, *, variant: bool) -> OutputMade:
    staged = made.outputs[asset.output]
    accepted = not asset.blocking_checks
    return OutputMade(
        asset=id_,
        output=asset.output,
        data_version=staged.data_version,
        artifact=staged.staged.address,
        size=staged.staged.size,
        accepted=accepted,
        head=accepted and not variant,
        metadata={**staged.metadata, **made.metadata},
        columns=staged.columns,
        column_sources=staged.column_sources,
    )
