"""From facts of the log to what is told of them to systems that follow lineage. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from latewood.decide.versions import ranges
from latewood.events import (
    TYPE_OF,
    AssetObserved,
    Event,
    FailureKind,
    InputRead,
    OutputMade,
    RunEnded,
    RunRequested,
    RunStatus,
    StepFailed,
    StepReused,
    StepStarted,
    StepSucceeded,
)
from latewood.model.column_sources import derivation_of
from latewood.model.definitions import AssetDefinition
from latewood.model.elements import is_elements
from latewood.model.happenings import (
    ColumnTold,
    DatasetMade,
    DatasetRead,
    DatasetSeen,
    Happening,
    RunHappened,
    RunTold,
    StepHappened,
    Turn,
)
from latewood.model.keys import AssetId, AssetKey, AssetVersion, PartitionKey, RunId, VersionId, version_id

TOLD: Final = tuple(
    TYPE_OF[kind]
    for kind in (RunRequested, StepStarted, StepSucceeded, StepReused, StepFailed, RunEnded, AssetObserved)
)
"""The types of events that something is told of."""

_TURNS: Final = {
    RunStatus.SUCCEEDED: Turn.DONE,
    RunStatus.FAILED: Turn.FAILED,
    RunStatus.CANCELLED: Turn.ENDED,
    RunStatus.INTERRUPTED: Turn.ENDED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeThen:
    """How a version was made that is taken again: what its step read, and what was recorded of it."""

    started: StepStarted | None
    output: OutputMade | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What else the log says around some facts.

    `definitions` are those of each run's assets, `names` of all others. `started` is how each step began that the facts
    are about, `left` which attempts of runs that are over have no end, `taken` what was made of versions that are
    reused, `environments` where versions were made that were read.
    """

    project: str
    requests: Mapping[RunId, RunRequested]
    definitions: Mapping[RunId, Mapping[AssetId, AssetDefinition]]
    names: Mapping[AssetId, AssetKey]
    started: Mapping[VersionId, StepStarted]
    left: Mapping[RunId, Sequence[StepStarted]]
    taken: Mapping[AssetVersion, MadeThen]
    environments: Mapping[AssetVersion, str]

    def name(self, run: RunId, asset: AssetId) -> AssetKey:
        """The key of an asset as the run's deployments have it, else as it was last called."""
        found = self.definitions.get(run, {}).get(asset)
        return self.names.get(asset, AssetKey(asset)) if found is None else found.key


def happened(fact: Event, at: datetime, around: Surroundings) -> Iterator[Happening]:
    """What is told of a fact: nothing of one whose run is not known here."""
    match fact:
        case AssetObserved():
            yield DatasetSeen(project=around.project, at=at, dataset=_seen(fact, around))
        case RunRequested() | RunEnded() | StepStarted() | StepSucceeded() | StepReused() | StepFailed():
            if (requested := around.requests.get(fact.run)) is not None:
                yield from _Told(around, requested, at).of(fact)
        case _:
            pass


def first_version(read: InputRead) -> VersionId | None:
    """The first version that was read; None where they are listed elsewhere."""
    if read.versions.startswith("@"):
        return None
    return next((version_id(RunId(run), first) for run, first, _ in ranges(read.versions)), None)


def _seen(fact: AssetObserved, around: Surroundings) -> DatasetMade:
    return DatasetMade(
        environment=fact.environment,
        key=around.names.get(fact.asset, AssetKey(fact.asset)),
        version=fact.version,
        partition=fact.partition,
        rows=_rows(fact.metadata),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of the facts of one run."""

    around: Surroundings
    requested: RunRequested
    at: datetime

    def of(self, fact: Event) -> Iterator[Happening]:
        match fact:
            case RunRequested():
                yield self._run(Turn.BEGAN)
            case RunEnded():
                for started in self.around.left.get(fact.run, ()):
                    yield self._step(started, started.step, Turn.ENDED)
                yield self._run(_TURNS[fact.status], _message(fact))
            case StepStarted():
                yield self._step(fact, fact.step, Turn.BEGAN, inputs=self._read(fact))
            case StepSucceeded():
                begun = self.around.started.get(version_id(fact.run, fact.step))
                outputs = tuple(
                    self._made(output, begun, version_id(fact.run, fact.step), fact.partition)
                    for output in fact.outputs
                )
                yield self._step(fact, fact.step, Turn.DONE, begun, inputs=self._read(begun), outputs=outputs)
            case StepFailed():
                begun = self.around.started.get(version_id(fact.run, fact.step))
                turn = Turn.ENDED if fact.failure.kind is FailureKind.INTERRUPTED else Turn.FAILED
                error = f"{fact.failure.error}: {fact.failure.message}".rstrip(": ")
                yield self._step(fact, fact.step, turn, begun, error=error, traceback=fact.failure.traceback)
            case StepReused():
                yield from self._reused(fact)
            case _:
                pass

    def _run(self, turn: Turn, message: str = "") -> RunHappened:
        return RunHappened(of=self._named, at=self.at, turn=turn, selection=self.requested.selection, message=message)

    def _reused(self, fact: StepReused) -> Iterator[Happening]:
        """Its beginning and its end, which are one moment, so that each step has both."""
        inputs: dict[DatasetRead, None] = {}
        outputs = []
        for each in fact.outputs:
            then = self.around.taken.get((each.asset, each.version))
            started = None if then is None else then.started
            inputs |= dict.fromkeys(self._read(started))
            output = each.made if then is None or then.output is None else then.output
            if output is not None:
                outputs.append(self._made(output, started, each.version, fact.partition, each.asset))
        yield self._step(fact, fact.step, Turn.BEGAN, inputs=tuple(inputs))
        yield self._step(fact, fact.step, Turn.DONE, inputs=tuple(inputs), outputs=tuple(outputs))

    def _step(
        self,
        fact: StepStarted | StepSucceeded | StepFailed | StepReused,
        step: int,
        turn: Turn,
        started: StepStarted | None = None,
        **more: Any,
    ) -> StepHappened:
        started = fact if isinstance(fact, StepStarted) else started
        reused = isinstance(fact, StepReused)
        assets = _assets(fact) if started is None else started.assets
        defined = self.around.definitions.get(self.requested.run, {})
        described = [defined[asset].description for asset in assets if asset in defined]
        variant = any(map(is_elements, assets)) or (started is not None and started.variant)
        return StepHappened(
            of=self._named,
            at=self.at,
            turn=turn,
            step=step,
            attempt=0 if isinstance(fact, StepReused) else fact.attempt,
            assets=tuple(self._name(asset) for asset in assets),
            partition=fact.partition,
            task="" if started is None else started.task,
            code="" if isinstance(fact, StepFailed) else fact.code,
            connector="" if started is None else started.connector,
            description=described[0] if len(described) == 1 else "",
            variant=variant,
            reused=reused,
            **more,
        )

    @property
    def _named(self) -> RunTold:
        asked = self.requested
        return RunTold(
            project=self.around.project,
            environment=asked.environment,
            run=asked.run,
            name=asked.launch or asked.automation,
        )

    def _read(self, started: StepStarted | None) -> tuple[DatasetRead, ...]:
        inputs = {} if started is None else started.inputs
        return tuple(dict.fromkeys(self._dataset(read) for read in inputs.values()))

    def _dataset(self, read: InputRead) -> DatasetRead:
        several = list(ranges(read.versions)) if not read.versions.startswith("@") else []
        is_one = len(several) == 1 and several[0][1] == several[0][2]
        return DatasetRead(
            environment=self._environment(read),
            key=self._name(read.asset),
            version=read.versions if is_one else "",
            partitions=read.partitions,
        )

    def _environment(self, read: InputRead) -> str:
        first = first_version(read)
        found = None if first is None else self.around.environments.get((read.asset, first))
        return found or self.requested.environment

    def _made(
        self,
        output: OutputMade,
        started: StepStarted | None,
        version: VersionId,
        partition: PartitionKey,
        asset: AssetId | None = None,
    ) -> DatasetMade:
        asset = asset or output.asset
        definition = self.around.definitions.get(self.requested.run, {}).get(asset)
        return DatasetMade(
            environment=self.requested.environment,
            key=self._name(asset),
            version=version,
            partition=partition,
            columns=tuple(column for column in output.columns if not column.startswith("… and ")),
            rows=_rows(output.metadata),
            size=output.size or None,
            description="" if definition is None else definition.description,
            owners=() if definition is None else definition.owners,
            column_sources=tuple(self._columns(output, {} if started is None else started.inputs)),
        )

    def _columns(self, output: OutputMade, inputs: Mapping[str, InputRead]) -> Iterator[ColumnTold]:
        """Of the columns of which something is known, that."""
        for column in dict.fromkeys(name for group in output.column_sources for name in group.columns):
            derived = derivation_of(column, output.column_sources)
            assert derived is not None, "its group has it"
            sources = tuple(
                (self._environment(inputs[name]), self._name(inputs[name].asset), source)
                for name, source in derived.sources
                if name in inputs
            )
            if sources:
                yield ColumnTold(column=column, confidence=derived.confidence, sources=sources)

    def _name(self, asset: AssetId) -> AssetKey:
        return self.around.name(self.requested.run, asset)


def _assets(fact: StepSucceeded | StepFailed | StepReused | StepStarted) -> tuple[AssetId, ...]:
    if isinstance(fact, StepSucceeded | StepReused):
        return tuple(dict.fromkeys(output.asset for output in fact.outputs))
    return fact.assets


def _rows(metadata: Mapping[str, Any]) -> int | None:
    rows = metadata.get("rows")
    return rows if isinstance(rows, int) and not isinstance(rows, bool) else None


def _message(ended: RunEnded) -> str:
    if ended.status is RunStatus.SUCCEEDED:
        return ""
    counts = {"failed": ended.failed, "refused": ended.refused, "skipped": ended.skipped, "done": ended.ran}
    said = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    return (
        f"the run {'was ' if ended.status is not RunStatus.FAILED else ''}{ended.status}{f': {said}' if said else ''}"
    )
